#define VANDA_RANDOM_TABLE random_base
#include "backend/cpu/kernels/random.inl"
