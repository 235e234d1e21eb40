// One function body compiled for several instruction sets, chosen at load time. Of loops over pixels only.
#pragma once

// Sanitizers instrument the choosing function, which runs before they are ready.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SELFSUP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SELFSUP_CLONES
#endif
