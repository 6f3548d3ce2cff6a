/* The four compiler attributes that the house rules allow beyond C11. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#if __has_attribute(nonstring) /* not clang's */
#define NONSTRING __attribute__((nonstring))
#else
#define NONSTRING
#endif

#endif
