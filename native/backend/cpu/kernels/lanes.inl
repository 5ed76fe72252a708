// Short vectors of a fixed number of floats, as blocked layouts have them ([..., 8] or [..., 16]):
// what does not fit one register of the instruction set, the compiler splits.
template <int L>
struct Lanes {
  typedef float Float __attribute__((vector_size(L * 4)));
  typedef int32_t Int __attribute__((vector_size(L * 4)));
  typedef uint8_t Byte __attribute__((vector_size(L)));
};

#define LOAD(vector, pointer) __builtin_memcpy(&(vector), (pointer), sizeof(vector))
#define STORE(pointer, vector) __builtin_memcpy((pointer), &(vector), sizeof(vector))

// Calls for the first of each eight columns, then for each of the rest.
#define EACH_LANES(width, call)        \
  int64_t lane = 0;                    \
  for (; lane + 8 <= (width); lane += 8) { \
    call(8);                           \
  }                                    \
  for (; lane < (width); ++lane) {     \
    call(1);                           \
  }
