#include "git/confine.h"
#include "git/sanitizer.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

/* What neither the worker nor ssh, git or gpg needs, and what helps one who has taken them over: other processes'
 * memory, the kernel's rarely used insides, other namespaces and mounts, the machine's clock and modules. A list of
 * what is denied, and not of what is allowed, for what is started is not ours, and its next version is not known; the
 * units have a list of what is allowed besides. */
static const char *const denied[] = {
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "process_madvise",
        "pidfd_getfd",
        "kcmp",
        "perf_event_open",
        "bpf",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "kexec_file_load",
        "reboot",
        "swapon",
        "swapoff",
        "mount",
        "umount2",
        "pivot_root",
        "chroot",
        "move_mount",
        "open_tree",
        "fsopen",
        "fsmount",
        "fsconfig",
        "fspick",
        "mount_setattr",
        "unshare",
        "setns",
        "open_by_handle_at",
        "name_to_handle_at",
        "fanotify_init",
        "keyctl",
        "add_key",
        "request_key",
        "acct",
        "quotactl",
        "syslog",
        "clock_settime",
        "clock_adjtime",
        "adjtimex",
        "settimeofday",
        "sethostname",
        "setdomainname",
        "iopl",
        "ioperm",
        "modify_ldt",
        "vhangup",
        "personality",
        "lookup_dcookie",
        "nfsservctl",
        "uselib",
        "ustat",
        "sysfs",
        "_sysctl",
        "mbind",
        "set_mempolicy",
        "migrate_pages",
        "move_pages",
};

/* The network is for IP and for sockets of this machine; netlink is how addresses are looked up. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

/* A call that this architecture has not needs not be denied. */
static int deny_calls(scmp_filter_ctx filter) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < RV_ARRAY_SIZE(denied); i++) {
                int call = seccomp_syscall_resolve_name(denied[i]);
                if (call != __NR_SCMP_ERROR)
                        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
        }
        return r;
}

/* All families but those: the gaps between them, and what is above. */
static int deny_families(scmp_filter_ctx filter) {
        int r = 0, allowed_max = 0;

        for (size_t i = 0; i < RV_ARRAY_SIZE(families); i++)
                allowed_max = families[i] > allowed_max ? families[i] : allowed_max;
        for (int family = 0; r == 0 && family < allowed_max; family++) {
                bool allowed = false;
                for (size_t i = 0; i < RV_ARRAY_SIZE(families); i++)
                        allowed = allowed || families[i] == family;
                if (!allowed)
                        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                             SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)family));
        }
        return r < 0 ? r
                     : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                        SCMP_A0_32(SCMP_CMP_GT, (uint32_t)allowed_max));
}

int rv_confine_calls(struct rv_error *err) {
#ifdef HAVE_ADDRESS_SANITIZER /* its search for leaks is a ptrace */
        (void)err, (void)deny_calls, (void)deny_families;
        return 1;
#else
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

        if (!filter)
                return rv_error_oom(err);
        int r = deny_calls(filter);
        if (r == 0)
                r = deny_families(filter);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        if (r == -ENOSYS || r == -EINVAL || r == -EPERM ||
            r == -EACCES) /* or a filter of the service manager denies it */
                return 0;
        return r < 0 ? rv_error_set(err, r, "seccomp: %s", strerror(-r)) : 1;
#endif
}

int rv_confine(const struct rv_repository_config *config, const char *credentials_directory, const char *storage_path,
               const char **ret_missing, struct rv_error *err) {
        int files, calls;

        files = rv_confine_files(config, credentials_directory, storage_path, err);
        if (files < 0)
                return files;
        calls = rv_confine_calls(err);
        if (calls < 0)
                return calls;
        *ret_missing = !files && !calls ? "Landlock and seccomp" : !files ? "Landlock" : !calls ? "seccomp" : NULL;
        return 0;
}
