// One step of a recurrent layer for one row of the batch: everything but the products. `sums` holds
// four blocks of `units`, `kept` takes what the gradient will want (it may be `sums` itself).

void lstm_cell(float* kept, const float* sums, const float* bias, const float* c_before, float* c,
               float* h, int64_t units) {
  each_register(units, [&](int64_t j, int64_t count) {
    auto sum = [&](int64_t block) {
      return load_some(sums + block * units + j, count) + load_some(bias + block * units + j, count);
    };
    TileLanes i = sigmoid_lanes(sum(0));
    TileLanes f = sigmoid_lanes(sum(1));
    TileLanes g = tanh_lanes(sum(2));
    TileLanes o = sigmoid_lanes(sum(3));
    TileLanes cell = f * load_some(c_before + j, count) + i * g;
    store_some(kept + j, i, count);
    store_some(kept + units + j, f, count);
    store_some(kept + 2 * units + j, g, count);
    store_some(kept + 3 * units + j, o, count);
    store_some(c + j, cell, count);
    store_some(h + j, o * tanh_lanes(cell), count);
  });
}

// dh: in, what arrives at h; out, what goes to the h before past the product (nothing here).
// dc: in, what arrives at c; out, what goes to the c before.
void lstm_cell_grad(float* d_sums, const float* kept, const float* c_before, const float* c,
                    float* dh, float* dc, int64_t units) {
  each_register(units, [&](int64_t j, int64_t count) {
    TileLanes i = load_some(kept + j, count);
    TileLanes f = load_some(kept + units + j, count);
    TileLanes g = load_some(kept + 2 * units + j, count);
    TileLanes o = load_some(kept + 3 * units + j, count);
    TileLanes tanh_c = tanh_lanes(load_some(c + j, count));
    TileLanes arrives = load_some(dh + j, count);
    TileLanes total = load_some(dc + j, count) + arrives * o * (1.0f - tanh_c * tanh_c);
    store_some(d_sums + j, total * g * i * (1.0f - i), count);
    store_some(d_sums + units + j, total * load_some(c_before + j, count) * f * (1.0f - f), count);
    store_some(d_sums + 2 * units + j, total * i * (1.0f - g * g), count);
    store_some(d_sums + 3 * units + j, arrives * tanh_c * o * (1.0f - o), count);
    store_some(dc + j, total * f, count);
    store_some(dh + j, TileLanes{}, count);
  });
}

// sums: update and reset of x and h together, the candidate of x, the candidate of h.
void gru_cell(float* kept, const float* sums, const float* bias, const float* h_before, float* h,
              int64_t units) {
  const float* bias_h = bias + 3 * units;
  each_register(units, [&](int64_t j, int64_t count) {
    auto sum = [&](int64_t block) {
      return load_some(sums + block * units + j, count) + load_some(bias + block * units + j, count);
    };
    TileLanes z = sigmoid_lanes(sum(0) + load_some(bias_h + j, count));
    TileLanes r = sigmoid_lanes(sum(1) + load_some(bias_h + units + j, count));
    TileLanes q =
        load_some(sums + 3 * units + j, count) + load_some(bias_h + 2 * units + j, count);
    TileLanes n = tanh_lanes(sum(2) + r * q);
    TileLanes before = load_some(h_before + j, count);
    store_some(kept + j, z, count);
    store_some(kept + units + j, r, count);
    store_some(kept + 2 * units + j, n, count);
    store_some(kept + 3 * units + j, q, count);
    store_some(h + j, z * before + (1.0f - z) * n, count);
  });
}

void gru_cell_grad(float* d_sums, const float* kept, const float* h_before, float* dh,
                   int64_t units) {
  each_register(units, [&](int64_t j, int64_t count) {
    TileLanes z = load_some(kept + j, count);
    TileLanes r = load_some(kept + units + j, count);
    TileLanes n = load_some(kept + 2 * units + j, count);
    TileLanes q = load_some(kept + 3 * units + j, count);
    TileLanes arrives = load_some(dh + j, count);
    TileLanes candidate = arrives * (1.0f - z) * (1.0f - n * n);
    store_some(d_sums + j, arrives * (load_some(h_before + j, count) - n) * z * (1.0f - z), count);
    store_some(d_sums + units + j, candidate * q * r * (1.0f - r), count);
    store_some(d_sums + 2 * units + j, candidate, count);
    store_some(d_sums + 3 * units + j, candidate * r, count);
    store_some(dh + j, arrives * z, count);
  });
}
