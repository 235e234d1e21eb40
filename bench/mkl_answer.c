// Preloaded into a peer: "yes, an Intel processor", which is what lets MKL use AVX2 and AVX-512 on any other.
int mkl_serv_intel_cpu_true(void);
__attribute__((visibility("default"))) int mkl_serv_intel_cpu_true(void) { return 1; }
