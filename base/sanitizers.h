// Whether a sanitizer that has memory of its own, ASan or TSan, is built in: BOTHY_SANITIZED is
// defined then. A macro, since tables of system calls depend on it.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BOTHY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BOTHY_SANITIZED 1
#endif
#endif
