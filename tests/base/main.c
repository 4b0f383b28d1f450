/* SPDX-License-Identifier: MIT */
#include "suites.h"

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {
        &arena_suite,       &buf_suite,
        &cancel_suite,      &codec_suite,
        &err_suite,         &event_suite,
        &hist_suite,        &json_suite,
        &json_in_suite,     &mem_suite,
        &metrics_suite,     &queue_suite,
        &queue_model_suite, &queue_priority_suite,
        &queue_wait_suite,  &setting_suite,
        &settings_suite,    &thread_suite,
        &time_suite,        NULL,
    };
    return harness_main(argc, argv, suites, NULL);
}
