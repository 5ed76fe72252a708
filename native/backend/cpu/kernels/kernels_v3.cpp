#define VANDA_ISA_TABLE kernels_v3
#define VANDA_ISA_NAME "avx2"
#include "backend/cpu/kernels/kernels.inl"
