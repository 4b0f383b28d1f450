/* SPDX-License-Identifier: MIT */
#include "faults/faults.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &sweep_suite,     &poison_suite,        &power_suite,   &full_suite,
        &stock_suite,     &damaged_suite,       &hostile_suite, &readonly_suite,
        &neighbour_suite, &rekey_suite,         &gather_suite,  &secret_suite,
        &sqlcipher_suite, &sealed_faults_suite, &store_suite,   NULL};
    static const harness_role roles[] = {{"peer", role_peer},
                                         {"rekey", role_rekey},
                                         {"secret", role_secret},
                                         {"sealed", role_sealed},
                                         {NULL, NULL}};
    /* A program that we talk to may end before it has heard all. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) != 0)
        return 2;
    /* What a disk would lose is simulated here; that a real one syncs would only take time. */
    if (access("/dev/shm", W_OK) == 0 && setenv("SKEP_TEST_DIR", "/dev/shm", 0) != 0)
        return 2;
    return harness_main(argc, argv, suites, roles);
}
