// One step of a recurrent layer for one row of the batch: everything but the products. `sums` holds
// four blocks of `units`, `kept` takes what the gradient will want (it may be `sums` itself).

void lstm_cell(float* kept, const float* sums, const float* bias, const float* c_before, float* c,
               float* h, int64_t units) {
  const float *in = sums, *forget = sums + units, *fresh = sums + 2 * units, *out = sums + 3 * units;
  const float *bias_i = bias, *bias_f = bias + units, *bias_g = bias + 2 * units,
              *bias_o = bias + 3 * units;
  float *kept_i = kept, *kept_f = kept + units, *kept_g = kept + 2 * units,
        *kept_o = kept + 3 * units;
#pragma GCC ivdep
  for (int64_t j = 0; j < units; ++j) {
    float i = sigmoid_gate_f(in[j] + bias_i[j]);
    float f = sigmoid_gate_f(forget[j] + bias_f[j]);
    float g = tanh_gate_f(fresh[j] + bias_g[j]);
    float o = sigmoid_gate_f(out[j] + bias_o[j]);
    float cell = f * c_before[j] + i * g;
    kept_i[j] = i;
    kept_f[j] = f;
    kept_g[j] = g;
    kept_o[j] = o;
    c[j] = cell;
    h[j] = o * tanh_gate_f(cell);
  }
}

// dh: in, what arrives at h; out, what goes to the h before past the product (nothing here).
// dc: in, what arrives at c; out, what goes to the c before.
void lstm_cell_grad(float* d_sums, const float* kept, const float* c_before, const float* c,
                    float* dh, float* dc, int64_t units) {
  const float *in = kept, *forget = kept + units, *fresh = kept + 2 * units, *out = kept + 3 * units;
  float *d_in = d_sums, *d_forget = d_sums + units, *d_fresh = d_sums + 2 * units,
        *d_out = d_sums + 3 * units;
#pragma GCC ivdep
  for (int64_t j = 0; j < units; ++j) {
    float i = in[j], f = forget[j], g = fresh[j], o = out[j];
    float tanh_c = tanh_gate_f(c[j]);
    float arrives = dh[j];
    float total = dc[j] + arrives * o * (1.0f - tanh_c * tanh_c);
    d_in[j] = total * g * i * (1.0f - i);
    d_forget[j] = total * c_before[j] * f * (1.0f - f);
    d_fresh[j] = total * i * (1.0f - g * g);
    d_out[j] = arrives * tanh_c * o * (1.0f - o);
    dc[j] = total * f;
    dh[j] = 0.0f;
  }
}

// sums: update and reset of x and h together, the candidate of x, the candidate of h.
void gru_cell(float* kept, const float* sums, const float* bias, const float* h_before, float* h,
              int64_t units) {
  const float *update = sums, *reset = sums + units, *fresh = sums + 2 * units,
              *inner = sums + 3 * units;
  const float* bias_h = bias + 3 * units;
  float *kept_z = kept, *kept_r = kept + units, *kept_n = kept + 2 * units,
        *kept_q = kept + 3 * units;
#pragma GCC ivdep
  for (int64_t j = 0; j < units; ++j) {
    float z = sigmoid_gate_f(update[j] + bias[j] + bias_h[j]);
    float r = sigmoid_gate_f(reset[j] + bias[units + j] + bias_h[units + j]);
    float q = inner[j] + bias_h[2 * units + j];
    float n = tanh_gate_f(fresh[j] + bias[2 * units + j] + r * q);
    kept_z[j] = z;
    kept_r[j] = r;
    kept_n[j] = n;
    kept_q[j] = q;
    h[j] = z * h_before[j] + (1.0f - z) * n;
  }
}

void gru_cell_grad(float* d_sums, const float* kept, const float* h_before, float* dh,
                   int64_t units) {
  const float *update = kept, *reset = kept + units, *fresh = kept + 2 * units,
              *inner = kept + 3 * units;
  float *d_update = d_sums, *d_reset = d_sums + units, *d_fresh = d_sums + 2 * units,
        *d_inner = d_sums + 3 * units;
#pragma GCC ivdep
  for (int64_t j = 0; j < units; ++j) {
    float z = update[j], r = reset[j], n = fresh[j], q = inner[j];
    float arrives = dh[j];
    float candidate = arrives * (1.0f - z) * (1.0f - n * n);
    d_update[j] = arrives * (h_before[j] - n) * z * (1.0f - z);
    d_reset[j] = candidate * q * r * (1.0f - r);
    d_fresh[j] = candidate;
    d_inner[j] = candidate * r;
    dh[j] = arrives * z;
  }
}
