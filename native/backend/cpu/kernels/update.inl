// What an optimizer does to each element: w is the weight, g its gradient, l2 * w is added to it
// first. The formulas and the places of epsilon are those of PyTorch where it has the rule (epsilon
// is added to the root, and for Adam to the root of the corrected moment), of TensorFlow for Ftrl.

void update_sgd(float* __restrict w, float* const*, const float* g, const UpdateRates* rates,
                int64_t n) {
  const UpdateRates r = *rates;
  for (int64_t i = 0; i < n; ++i) w[i] -= r.rate * (g[i] + r.l2 * w[i]);
}

// v = momentum * v + g; w -= rate * v, or with Nesterov w -= rate * (g + momentum * v)
void update_momentum(float* __restrict w, float* const* slots, const float* g,
                     const UpdateRates* rates, int64_t n) {
  const UpdateRates r = *rates;
  float* __restrict v = slots[0];
  if (r.nesterov != 0) {
    for (int64_t i = 0; i < n; ++i) {
      float grad = g[i] + r.l2 * w[i];
      float velocity = r.momentum * v[i] + grad;
      v[i] = velocity;
      w[i] -= r.rate * (grad + r.momentum * velocity);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    float velocity = r.momentum * v[i] + g[i] + r.l2 * w[i];
    v[i] = velocity;
    w[i] -= r.rate * velocity;
  }
}

// a += g^2; w -= rate * g / (sqrt(a) + epsilon)
void update_adagrad(float* __restrict w, float* const* slots, const float* g,
                    const UpdateRates* rates, int64_t n) {
  const UpdateRates r = *rates;
  float* __restrict sums = slots[0];
  for (int64_t i = 0; i < n; ++i) {
    float grad = g[i] + r.l2 * w[i];
    float total = sums[i] + grad * grad;
    sums[i] = total;
    w[i] -= r.rate * grad / (__builtin_sqrtf(total) + r.epsilon);
  }
}

// s = decay * s + (1 - decay) * g^2, d = sqrt(s - m^2) + epsilon with m the mean where centered;
// v = momentum * v + g / d; w -= rate * v
void update_rmsprop(float* __restrict w, float* const* slots, const float* g,
                    const UpdateRates* rates, int64_t n) {
  const UpdateRates r = *rates;
  float share = 1.0f - r.decay;
  float* __restrict squares = slots[0];
  float* __restrict velocity = r.momentum != 0.0f ? slots[1] : nullptr;
  float* __restrict means = r.centered != 0 ? slots[velocity != nullptr ? 2 : 1] : nullptr;
  constexpr int64_t kRun = 64;
  float change[kRun];
  for (int64_t begin = 0; begin < n; begin += kRun) {
    int64_t run = n - begin < kRun ? n - begin : kRun;
    for (int64_t k = 0; k < run; ++k) {
      int64_t i = begin + k;
      float grad = g[i] + r.l2 * w[i];
      squares[i] = r.decay * squares[i] + share * grad * grad;
      change[k] = grad;
    }
    if (means != nullptr) {
      for (int64_t k = 0; k < run; ++k) {
        int64_t i = begin + k;
        float mean = r.decay * means[i] + share * change[k];
        means[i] = mean;
        float variance = squares[i] - mean * mean;
        // Rounding may push a variance of nothing below zero.
        variance = variance > 0.0f ? variance : 0.0f;
        change[k] /= __builtin_sqrtf(variance) + r.epsilon;
      }
    } else {
      for (int64_t k = 0; k < run; ++k)
        change[k] /= __builtin_sqrtf(squares[begin + k]) + r.epsilon;
    }
    if (velocity != nullptr) {
      for (int64_t k = 0; k < run; ++k) {
        change[k] = r.momentum * velocity[begin + k] + change[k];
        velocity[begin + k] = change[k];
      }
    }
    for (int64_t k = 0; k < run; ++k) w[begin + k] -= r.rate * change[k];
  }
}

// m = beta1 * m + (1 - beta1) * g, v = beta2 * v + (1 - beta2) * g^2, both corrected by
// 1 / (1 - beta^t); w -= rate * (m / (sqrt(v) + epsilon) + decay * w). Amsgrad divides by the root
// of the largest v so far.
void update_adam(float* __restrict w, float* const* slots, const float* g,
                 const UpdateRates* rates, int64_t n) {
  const UpdateRates r = *rates;
  float* __restrict m = slots[0];
  float* __restrict v = slots[1];
  float first = 1.0f - r.beta1, second = 1.0f - r.beta2;
  if (r.amsgrad != 0) {
    float* __restrict top = slots[2];
    for (int64_t i = 0; i < n; ++i) {
      float grad = g[i] + r.l2 * w[i];
      float mean = r.beta1 * m[i] + first * grad;
      float square = r.beta2 * v[i] + second * grad * grad;
      float largest = top[i] > square ? top[i] : square;
      m[i] = mean;
      v[i] = square;
      top[i] = largest;
      float change = mean * r.correction1 / (__builtin_sqrtf(largest * r.correction2) + r.epsilon);
      w[i] -= r.rate * (change + r.decay * w[i]);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    float grad = g[i] + r.l2 * w[i];
    float mean = r.beta1 * m[i] + first * grad;
    float square = r.beta2 * v[i] + second * grad * grad;
    m[i] = mean;
    v[i] = square;
    float change = mean * r.correction1 / (__builtin_sqrtf(square * r.correction2) + r.epsilon);
    w[i] -= r.rate * (change + r.decay * w[i]);
  }
}

// a' = a + g^2; z += g - (sqrt(a') - sqrt(a)) / rate * w; a = a';
// w = (clip(z, -l1, l1) - z) / (sqrt(a) / rate + 2 * l2 + beta / rate)
void update_ftrl(float* __restrict w, float* const* slots, const float* g,
                 const UpdateRates* rates, int64_t n) {
  const UpdateRates r = *rates;
  float* __restrict sums = slots[0];
  float* __restrict linear = slots[1];
  float inverse = 1.0f / r.rate;
  float constant = 2.0f * r.l2 + r.beta * inverse;
  for (int64_t i = 0; i < n; ++i) {
    float before = sums[i];
    float after = before + g[i] * g[i];
    float root = __builtin_sqrtf(after);
    float z = linear[i] + g[i] - (root - __builtin_sqrtf(before)) * inverse * w[i];
    sums[i] = after;
    linear[i] = z;
    float clipped = z < -r.l1 ? -r.l1 : z > r.l1 ? r.l1 : z;
    float divisor = root * inverse + constant;
    w[i] = divisor > 0.0f ? (clipped - z) / divisor : 0.0f;
  }
}

// m = beta1 * m + (1 - beta1) * g, u = max(beta2 * u, |g| + epsilon); w -= rate * m / u, m corrected
// by 1 / (1 - beta1^t)
void update_adamax(float* __restrict w, float* const* slots, const float* g,
                   const UpdateRates* rates, int64_t n) {
  const UpdateRates r = *rates;
  float* __restrict m = slots[0];
  float* __restrict u = slots[1];
  float share = 1.0f - r.beta1;
  float rate = r.rate * r.correction1;
  for (int64_t i = 0; i < n; ++i) {
    float grad = g[i] + r.l2 * w[i];
    float mean = r.beta1 * m[i] + share * grad;
    float now = __builtin_fabsf(grad) + r.epsilon;
    float before = r.beta2 * u[i];
    float greatest = before > now ? before : now;
    m[i] = mean;
    u[i] = greatest;
    w[i] -= rate * mean / greatest;
  }
}

// w -= rate * (sign(beta1 * m + (1 - beta1) * g) + decay * w); m = beta2 * m + (1 - beta2) * g
void update_lion(float* __restrict w, float* const* slots, const float* g,
                 const UpdateRates* rates, int64_t n) {
  const UpdateRates r = *rates;
  float* __restrict m = slots[0];
  float first = 1.0f - r.beta1, second = 1.0f - r.beta2;
  for (int64_t i = 0; i < n; ++i) {
    float grad = g[i] + r.l2 * w[i];
    float blend = r.beta1 * m[i] + first * grad;
    float up = blend > 0.0f ? 1.0f : 0.0f;
    float down = blend < 0.0f ? 1.0f : 0.0f;
    m[i] = r.beta2 * m[i] + second * grad;
    w[i] -= r.rate * (up - down + r.decay * w[i]);
  }
}

void follow_average(float* __restrict average, const float* x, float share, int64_t n) {
  for (int64_t i = 0; i < n; ++i) average[i] += share * (x[i] - average[i]);
}

// out = scale * x, or out += scale * x
void row_set(float* __restrict out, const float* x, float scale, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = scale * x[i];
}
void row_add(float* __restrict out, const float* x, float scale, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] += scale * x[i];
}
// The sums of chains of rows, `stride` floats apart: chain i begins at heads[i] and goes on by `next`
// until 0xffffffff.
void sum_chains(float* __restrict out, const float* x, int64_t stride, const uint32_t* heads,
                const uint32_t* next, float scale, int64_t count, int64_t width) {
  for (int64_t i = 0; i < count; ++i) {
    uint32_t at = heads[i];
    float* sum = out + i * width;
    const float* row = x + at * stride;
    if (width == 16) {
      float own[16];
      for (int64_t k = 0; k < 16; ++k) own[k] = row[k];
      for (at = next[at]; at != 0xffffffffu; at = next[at]) {
        row = x + at * stride;
        for (int64_t k = 0; k < 16; ++k) own[k] += row[k];
      }
      for (int64_t k = 0; k < 16; ++k) sum[k] = own[k] * scale;
      continue;
    }
    for (int64_t k = 0; k < width; ++k) sum[k] = row[k];
    for (at = next[at]; at != 0xffffffffu; at = next[at]) {
      row = x + at * stride;
      for (int64_t k = 0; k < width; ++k) sum[k] += row[k];
    }
    for (int64_t k = 0; k < width; ++k) sum[k] *= scale;
  }
}
// A block of rows out of a table and back into it; sixteen floats, a cache line, are the usual width
// of a small embedding.
void take_rows(float* __restrict out, const float* table, const uint32_t* rows, int64_t count,
               int64_t width) {
  if (width == 1) {
    for (int64_t r = 0; r < count; ++r) out[r] = table[rows[r]];
  } else if (width == 16) {
    for (int64_t r = 0; r < count; ++r) {
      const float* row = table + static_cast<int64_t>(rows[r]) * 16;
      for (int64_t k = 0; k < 16; ++k) out[r * 16 + k] = row[k];
    }
  } else {
    for (int64_t r = 0; r < count; ++r) {
      const float* row = table + static_cast<int64_t>(rows[r]) * width;
      for (int64_t k = 0; k < width; ++k) out[r * width + k] = row[k];
    }
  }
}
void put_rows(float* __restrict table, const float* x, const uint32_t* rows, int64_t count,
              int64_t width) {
  if (width == 1) {
    for (int64_t r = 0; r < count; ++r) table[rows[r]] = x[r];
  } else if (width == 16) {
    for (int64_t r = 0; r < count; ++r) {
      float* row = table + static_cast<int64_t>(rows[r]) * 16;
      for (int64_t k = 0; k < 16; ++k) row[k] = x[r * 16 + k];
    }
  } else {
    for (int64_t r = 0; r < count; ++r) {
      float* row = table + static_cast<int64_t>(rows[r]) * width;
      for (int64_t k = 0; k < width; ++k) row[k] = x[r * width + k];
    }
  }
}
