/* What every unit test includes: cmocka with the headers it wants first, and asserts that show an
 * error's text. */
#ifndef TESTS_LIB_UNIT_H
#define TESTS_LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* The call must succeed; its error is printed if not. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err ok_err_ = ERR_INIT;                                                             \
        struct err *err = &ok_err_;                                                                \
        enum rc ok_rc_ = (call);                                                                   \
        if (ok_rc_ != RC_OK)                                                                       \
            print_error("%s: %s: %s (%s)\n", #call, err_name(ok_rc_), err->msg, err->why);         \
        assert_int_equal(ok_rc_, RC_OK);                                                           \
    } while (0)

/* The call must end with exactly this code. Calls name their error argument `err`. */
#define assert_rc(call, want)                                                                      \
    do {                                                                                           \
        struct err rc_err_ = ERR_INIT;                                                             \
        struct err *err = &rc_err_;                                                                \
        enum rc rc_got_ = (call);                                                                  \
        if (rc_got_ != (want))                                                                     \
            print_error("%s: got %s (%s), want %s\n", #call, err_name(rc_got_), err->msg,          \
                        err_name(want));                                                           \
        assert_int_equal(rc_got_, (want));                                                         \
    } while (0)

#endif
