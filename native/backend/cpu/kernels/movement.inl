// Matrix transposes in blocks that fit the first-level cache on both sides.

constexpr int64_t kTransposedRows = 64;

template <typename T>
static inline void transpose_rest(T* out, const T* in, int64_t r0, int64_t r1, int64_t c0,
                                  int64_t c1, int64_t in_stride, int64_t out_stride) {
  for (int64_t c = c0; c < c1; ++c) {
    for (int64_t r = r0; r < r1; ++r) out[c * out_stride + r] = in[r * in_stride + c];
  }
}

template <typename T>
void transpose(void* out_bytes, const void* in_bytes, int64_t rows, int64_t columns,
               int64_t in_stride, int64_t out_stride) {
  T* out = static_cast<T*>(out_bytes);
  const T* in = static_cast<const T*>(in_bytes);
  constexpr int64_t kBlockColumns = 16;
  for (int64_t r = 0; r < rows; r += kTransposedRows) {
    int64_t r1 = r + kTransposedRows < rows ? r + kTransposedRows : rows;
    for (int64_t c = 0; c < columns; c += kBlockColumns) {
      int64_t c1 = c + kBlockColumns < columns ? c + kBlockColumns : columns;
      transpose_rest(out, in, r, r1, c, c1, in_stride, out_stride);
    }
  }
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define VANDA_SHUFFLES 1
#endif
#endif

#ifdef VANDA_SHUFFLES
typedef uint32_t Lanes8 __attribute__((vector_size(32)));
typedef uint32_t LooseLanes8 __attribute__((vector_size(32), aligned(4), may_alias));

// Macros, since older instruction sets have no way to pass such vectors to a function.
#define ZIP_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
// Three perfect shuffles of the rows transpose eight of them (Stone, 1971).
static inline void transpose_8x8(uint32_t* out, const uint32_t* in, int64_t in_stride,
                                 int64_t out_stride) {
  Lanes8 a[8], b[8];
  for (int i = 0; i < 8; ++i) {
    a[i] = *reinterpret_cast<const LooseLanes8*>(in + i * in_stride);
  }
  for (int i = 0; i < 4; ++i) {
    b[2 * i] = ZIP_LOW(a[i], a[i + 4]);
    b[2 * i + 1] = ZIP_HIGH(a[i], a[i + 4]);
  }
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = ZIP_LOW(b[i], b[i + 4]);
    a[2 * i + 1] = ZIP_HIGH(b[i], b[i + 4]);
  }
  for (int i = 0; i < 4; ++i) {
    b[2 * i] = ZIP_LOW(a[i], a[i + 4]);
    b[2 * i + 1] = ZIP_HIGH(a[i], a[i + 4]);
  }
  for (int i = 0; i < 8; ++i) {
    *reinterpret_cast<LooseLanes8*>(out + i * out_stride) = b[i];
  }
}

void transpose_words(void* out_bytes, const void* in_bytes, int64_t rows, int64_t columns,
                     int64_t in_stride, int64_t out_stride) {
  uint32_t* out = static_cast<uint32_t*>(out_bytes);
  const uint32_t* in = static_cast<const uint32_t*>(in_bytes);
  int64_t whole_columns = columns / 8 * 8;
  for (int64_t first = 0; first < rows; first += kTransposedRows) {
    int64_t end = first + kTransposedRows < rows ? first + kTransposedRows : rows;
    int64_t whole = first + (end - first) / 8 * 8;
    for (int64_t c = 0; c < whole_columns; c += 8) {
      for (int64_t r = first; r < whole; r += 8) {
        transpose_8x8(out + c * out_stride + r, in + r * in_stride + c, in_stride, out_stride);
      }
      transpose_rest(out, in, whole, end, c, c + 8, in_stride, out_stride);
    }
    transpose_rest(out, in, first, end, whole_columns, columns, in_stride, out_stride);
  }
}
#else
#define transpose_words transpose<uint32_t>
#endif

constexpr MovementKernels kMovementKernels = {transpose<uint8_t>, transpose_words,
                                              transpose<uint64_t>};
