// A softmax that goes on from tile to tile (Milakov and Gimelshein, 2018): the scores of one query
// against some more keys become exponentials below the new maximum. Returns the factor for what was
// summed up before. A score of -inf is masked.
float softmax_tile(float* scores, float scale, float* top, float* sum, int64_t n) {
  // The smallest float stands for "nothing yet": its exponential is zero like that of -inf.
  float highest = -3.4028235e38f;
#pragma omp simd reduction(max : highest)
  for (int64_t j = 0; j < n; ++j) {
    float score = scores[j] * scale;
    scores[j] = score;
    highest = highest > score ? highest : score;
  }
  highest = highest > *top ? highest : *top;
  TileLanes sums = {};
  each_register(n, [&](int64_t j, int64_t count) {
    TileLanes score = load_some(scores + j, count);
    TileLanes p = exp_lanes(score - highest);
    // A masked score stays zero even where all are masked; so does the padding.
    p = score < -3.4028234e38f ? TileLanes{} : p;
    store_some(scores + j, p, count);
    if (count < kTileLanes) p = load_some(scores + j, count);
    sums += p;
  });
  float total = 0;
  for (int lane = 0; lane < kTileLanes; ++lane) total += sums[lane];
  float factor = exp_below_f(*top - highest);
  *top = highest;
  *sum = *sum * factor + total;
  return factor;
}

// The norm of a row from its maximum and sum; 0 for a row that looks at nothing.
float softmax_norm(float top, float sum) { return sum == 0.0f ? 0.0f : top + log_f(sum); }

void attention_scale(float* x, float factor, int64_t n) {
  for (int64_t j = 0; j < n; ++j) x[j] *= factor;
}

float attention_dot(const float* a, const float* b, int64_t n) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t j = 0; j < n; ++j) total += a[j] * b[j];
  return total;
}

// scores: in, before scaling; out, probabilities. d_scores: in, the gradient of the probabilities;
// out, that of the scores before scaling.
void attention_row_grad(float* scores, float* d_scores, float scale, float norm, float delta,
                        int64_t n) {
  each_register(n, [&](int64_t j, int64_t count) {
    TileLanes p = exp_lanes(load_some(scores + j, count) * scale - norm);
    store_some(scores + j, p, count);
    store_some(d_scores + j, p * (load_some(d_scores + j, count) - delta) * scale, count);
  });
}
