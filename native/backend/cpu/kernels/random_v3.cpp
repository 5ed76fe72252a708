#define VANDA_RANDOM_TABLE random_v3
#include "backend/cpu/kernels/random.inl"
