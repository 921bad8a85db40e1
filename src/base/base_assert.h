#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/*
 * Assertions state what must hold whatever comes from outside. They stay on in
 * release builds; a failed one prints the condition, the place and the build,
 * then aborts. Never used for input.
 */

#define ODK_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ODK_MUST_USE          __attribute__((warn_unused_result))
#define ODK_NORETURN          __attribute__((noreturn))

/** Prints the failed condition to standard error and aborts. */
ODK_NORETURN void odk_assert_fail(const char *cond, const char *file, int line,
                                  const char *func);

/** Aborts because memory ran out: restart is the recovery, PostgreSQL is the
 * truth. */
ODK_NORETURN void odk_out_of_memory(void);

#define odk_assert(cond)                                                       \
    ((cond) ? (void)0 : odk_assert_fail(#cond, __FILE__, __LINE__, __func__))

#ifdef ODK_SLOW_ASSERTS
#define odk_assert_slow(cond) odk_assert(cond)
#else
#define odk_assert_slow(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

#endif
