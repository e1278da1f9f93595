/* revertctl: ask revertd, and tell it. */
#include "ctl/args.h"

#include <curl/curl.h>

int main(int argc, char **argv) {
        struct args args;

        int status = args_parse(argc, argv, &args);
        if (status >= 0)
                return status;
        curl_global_init(CURL_GLOBAL_DEFAULT);
        status = args.verb->run(&args);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                fputs("revertctl: error: the output could not be written\n", stderr);
                status = status == CTL_OK ? CTL_FAILED : status;
        }
        curl_global_cleanup();
        return status;
}
