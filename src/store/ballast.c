#include "store/ballast.h"

#include "revertd/cleanup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BALLAST_NAME "ballast"

static bool ballast_take(int dir_fd) {
        _cleanup_close_ int fd = openat(dir_fd, BALLAST_NAME, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return false;
        if (posix_fallocate(fd, 0, BALLAST_BYTES) == 0)
                return true;
        unlinkat(dir_fd, BALLAST_NAME, 0);
        return false;
}

void ballast_init(struct ballast *ballast, int dir_fd) {
        struct stat st;
        bool is_there = dir_fd >= 0 && fstatat(dir_fd, BALLAST_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                        st.st_blocks * 512 >= BALLAST_BYTES;
        *ballast = (struct ballast){.dir_fd = dir_fd, .spent = dir_fd >= 0 && !is_there};
        ballast_restore(ballast);
}

bool ballast_spend(struct ballast *ballast) {
        if (ballast->dir_fd < 0 || ballast->spent)
                return false;
        ballast->spent = true;
        return unlinkat(ballast->dir_fd, BALLAST_NAME, 0) == 0;
}

void ballast_restore(struct ballast *ballast) {
        struct statvfs fs;
        if (!ballast->spent || fstatvfs(ballast->dir_fd, &fs) < 0)
                return;
        if ((uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)BALLAST_BYTES * BALLAST_RESTORE_FACTOR)
                ballast->spent = !ballast_take(ballast->dir_fd);
}
