// Exact arithmetic on i32 and i64, written once for both. Sums and products wrap around: they are
// computed without sign, where that is defined.

template <typename T>
struct Unsigned;
template <>
struct Unsigned<int32_t> {
  using type = uint32_t;
};
template <>
struct Unsigned<int64_t> {
  using type = uint64_t;
};
template <>
struct Unsigned<uint8_t> {
  using type = uint8_t;
};
template <typename T>
static inline T wrap_add(T a, T b) {
  using U = typename Unsigned<T>::type;
  return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
}
template <typename T>
static inline T wrap_sub(T a, T b) {
  using U = typename Unsigned<T>::type;
  return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
}
template <typename T>
static inline T wrap_mul(T a, T b) {
  using U = typename Unsigned<T>::type;
  return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
}
// Cut towards zero; by zero it is 0, and the one quotient that does not fit wraps.
template <typename T>
static inline T safe_div(T a, T b) {
  return b == 0 ? T{0} : b == -1 ? wrap_sub(T{0}, a) : static_cast<T>(a / b);
}
// The remainder with the sign of b; by zero it is 0.
template <typename T>
static inline T safe_mod(T a, T b) {
  if (b == 0 || b == -1) return 0;
  T rest = static_cast<T>(a % b);
  return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
}

#define INTEGER_TILE(name, result_type, expression)                                         \
  template <typename T>                                                                     \
  void name(void* out, const void* first, const void* second, const void*, int64_t n) {     \
    result_type* to = static_cast<result_type*>(out);                                       \
    const T* a = static_cast<const T*>(first);                                              \
    const T* b = static_cast<const T*>(second);                                             \
    (void)b;                                                                                \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i) to[i] =                            \
        static_cast<result_type>(expression);                                               \
  }

INTEGER_TILE(int_neg, T, wrap_sub(T{0}, a[i]))
INTEGER_TILE(int_square, T, wrap_mul(a[i], a[i]))
INTEGER_TILE(int_abs, T, a[i] < 0 ? wrap_sub(T{0}, a[i]) : a[i])
INTEGER_TILE(int_sign, T, (a[i] > 0 ? 1 : 0) - (a[i] < 0 ? 1 : 0))
INTEGER_TILE(int_identity, T, a[i])
INTEGER_TILE(int_add, T, wrap_add(a[i], b[i]))
INTEGER_TILE(int_sub, T, wrap_sub(a[i], b[i]))
INTEGER_TILE(int_mul, T, wrap_mul(a[i], b[i]))
INTEGER_TILE(int_div, T, safe_div(a[i], b[i]))
INTEGER_TILE(int_mod, T, safe_mod(a[i], b[i]))
INTEGER_TILE(int_maximum, T, a[i] > b[i] ? a[i] : b[i])
INTEGER_TILE(int_minimum, T, a[i] < b[i] ? a[i] : b[i])
INTEGER_TILE(int_equal, uint8_t, a[i] == b[i] ? 1 : 0)
INTEGER_TILE(int_not_equal, uint8_t, a[i] != b[i] ? 1 : 0)
INTEGER_TILE(int_less, uint8_t, a[i] < b[i] ? 1 : 0)
INTEGER_TILE(int_less_equal, uint8_t, a[i] <= b[i] ? 1 : 0)
INTEGER_TILE(int_greater, uint8_t, a[i] > b[i] ? 1 : 0)
INTEGER_TILE(int_greater_equal, uint8_t, a[i] >= b[i] ? 1 : 0)

template <typename T>
void int_where(void* out, const void* condition, const void* second, const void* third, int64_t n) {
  T* to = static_cast<T*>(out);
  const uint8_t* chosen = static_cast<const uint8_t*>(condition);
  const T* b = static_cast<const T*>(second);
  const T* c = static_cast<const T*>(third);
  _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i) to[i] = chosen[i] != 0 ? b[i] : c[i];
}

template <typename From, typename To>
void int_cast(void* __restrict out, const void* in, int64_t n) {
  To* to = static_cast<To*>(out);
  const From* from = static_cast<const From*>(in);
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
}
template <typename From>
void int_cast_bool(void* __restrict out, const void* in, int64_t n) {
  uint8_t* to = static_cast<uint8_t*>(out);
  const From* from = static_cast<const From*>(in);
  for (int64_t i = 0; i < n; ++i) to[i] = from[i] != 0 ? 1 : 0;
}
// Cut towards zero; what does not fit saturates, and NaN is 0.
void float_to_i32(void* __restrict out, const void* in, int64_t n) {
  int32_t* to = static_cast<int32_t*>(out);
  const float* from = static_cast<const float*>(in);
  for (int64_t i = 0; i < n; ++i) {
    float x = from[i];
    float inside = x < -2147483648.0f ? -2147483648.0f : x > 2147483520.0f ? 2147483520.0f : x;
    int32_t y = static_cast<int32_t>(inside == inside ? inside : 0.0f);
    to[i] = x >= 2147483648.0f ? 2147483647 : y;
  }
}
void float_to_i64(void* __restrict out, const void* in, int64_t n) {
  int64_t* to = static_cast<int64_t*>(out);
  const float* from = static_cast<const float*>(in);
  for (int64_t i = 0; i < n; ++i) {
    double x = from[i];
    double inside = x < -9.2e18 ? -9.2e18 : x > 9.2e18 ? 9.2e18 : x;
    to[i] = static_cast<int64_t>(inside == inside ? inside : 0.0);
  }
}

struct IntegerSum {
  template <typename T>
  static inline T of(T a, T b) {
    return wrap_add(a, b);
  }
};
struct IntegerProduct {
  template <typename T>
  static inline T of(T a, T b) {
    return wrap_mul(a, b);
  }
};
struct IntegerMaximum {
  template <typename T>
  static inline T of(T a, T b) {
    return a > b ? a : b;
  }
};
struct IntegerMinimum {
  template <typename T>
  static inline T of(T a, T b) {
    return a < b ? a : b;
  }
};

template <typename T, typename Op>
void int_reduce(void* acc, const void* x, int64_t rows, int64_t stride, int64_t width) {
  T* __restrict to = static_cast<T*>(acc);
  const T* from = static_cast<const T*>(x);
  if (width == 1 && stride == 1) {
    // Several lanes, so that one result need not wait for the one before it.
    constexpr int kLanes = 16;
    T lanes[kLanes];
    int64_t whole = rows / kLanes * kLanes;
    if (whole > 0) {
      for (int k = 0; k < kLanes; ++k) lanes[k] = from[k];
      for (int64_t r = kLanes; r < whole; r += kLanes) {
        for (int k = 0; k < kLanes; ++k) lanes[k] = Op::template of<T>(lanes[k], from[r + k]);
      }
      for (int k = 0; k < kLanes; ++k) to[0] = Op::template of<T>(to[0], lanes[k]);
    }
    for (int64_t r = whole; r < rows; ++r) to[0] = Op::template of<T>(to[0], from[r]);
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) {
      to[j] = Op::template of<T>(to[j], from[r * stride + j]);
    }
  }
}

template <typename T>
void int_scan(void* out, const void* x, int64_t rows, int64_t stride, int64_t width, int exclusive,
              int reverse) {
  T* to = static_cast<T*>(out);
  const T* from = static_cast<const T*>(x);
  for (int64_t k = 0; k < rows; ++k) {
    int64_t r = reverse != 0 ? rows - 1 - k : k;
    int64_t before = reverse != 0 ? r + 1 : r - 1;
    for (int64_t j = 0; j < width; ++j) {
      T sum = k == 0 ? T{0} : to[before * stride + j];
      T next = exclusive != 0 ? (k == 0 ? T{0} : from[before * stride + j]) : from[r * stride + j];
      to[r * stride + j] = wrap_add(sum, next);
    }
  }
}

// The places of an IntegerKernels::tile are those of the enum Scalar, as in the float table.
#define INTEGER_TILES(T)                                                                        \
  {int_neg<T>, nullptr, nullptr, nullptr, nullptr, int_square<T>, int_abs<T>, int_sign<T>,      \
   nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,    \
   nullptr, nullptr, int_identity<T>, nullptr, nullptr, int_add<T>, int_sub<T>, int_mul<T>,     \
   int_div<T>, nullptr, int_maximum<T>, int_minimum<T>, int_equal<T>, int_not_equal<T>,         \
   int_less<T>, int_less_equal<T>, int_greater<T>, int_greater_equal<T>, nullptr, nullptr,      \
   int_where<T>, nullptr, int_mod<T>}
#define INTEGER_REDUCTIONS(T)                                                                   \
  {int_reduce<T, IntegerSum>, int_reduce<T, IntegerProduct>, int_reduce<T, IntegerMaximum>,     \
   int_reduce<T, IntegerMinimum>}

constexpr IntegerKernels kIntegerKernels = {
    {INTEGER_TILES(int32_t), INTEGER_TILES(int64_t)},
    {{nullptr, float_to_i32, float_to_i64, nullptr, nullptr},
     {nullptr, int_cast<int32_t, int32_t>, int_cast<int32_t, int64_t>, int_cast<int32_t, uint8_t>,
      int_cast_bool<int32_t>},
     {nullptr, int_cast<int64_t, int32_t>, int_cast<int64_t, int64_t>, int_cast<int64_t, uint8_t>,
      int_cast_bool<int64_t>},
     {nullptr, int_cast<uint8_t, int32_t>, int_cast<uint8_t, int64_t>, nullptr, nullptr},
     {nullptr, int_cast<uint8_t, int32_t>, int_cast<uint8_t, int64_t>, nullptr, nullptr}},
    {INTEGER_REDUCTIONS(int32_t), INTEGER_REDUCTIONS(int64_t), INTEGER_REDUCTIONS(uint8_t)},
    {int_scan<int32_t>, int_scan<int64_t>},
};
