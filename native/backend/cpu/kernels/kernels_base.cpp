#define VANDA_ISA_TABLE kernels_base
#define VANDA_ISA_NAME "generic"
#include "backend/cpu/kernels/kernels.inl"
