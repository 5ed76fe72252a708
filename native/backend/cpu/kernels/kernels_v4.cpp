#define VANDA_ISA_TABLE kernels_v4
#define VANDA_ISA_NAME "avx512"
#include "backend/cpu/kernels/kernels.inl"
