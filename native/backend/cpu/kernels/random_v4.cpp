#define VANDA_RANDOM_TABLE random_v4
#include "backend/cpu/kernels/random.inl"
