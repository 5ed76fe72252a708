#include <cmath>
#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/philox.hpp"
#include "runtime/skip_gram.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

// Two topics of ten words each; a sentence speaks of one of them.
SkipGramOptions topics() {
  SkipGramOptions options;
  PhiloxStream random(4, 1);
  options.counts.assign(20, 0);
  for (int sentence = 0; sentence < 400; ++sentence) {
    options.sentences.push_back(static_cast<int64_t>(options.tokens.size()));
    for (int k = 0; k < 12; ++k) {
      int32_t word = static_cast<int32_t>(random.below(10)) + (sentence % 2) * 10;
      options.tokens.push_back(word);
      ++options.counts[static_cast<size_t>(word)];
    }
  }
  options.dim = 12;
  options.sample = 0;
  options.rate = 0.05;
  options.epochs = 6;
  options.seed = 2;
  return options;
}

double cosine(const Tensor& vectors, int64_t a, int64_t b) {
  int64_t dim = vectors.type.shape[1];
  double product = 0, first = 0, second = 0;
  for (int64_t k = 0; k < dim; ++k) {
    double x = vectors.as<float>()[a * dim + k];
    double y = vectors.as<float>()[b * dim + k];
    product += x * y;
    first += x * x;
    second += y * y;
  }
  return product / std::sqrt(first * second);
}

}  // namespace

TEST("a window of skip-gram changes its rows as the formula says") {
  for (int count : {1, 2, 3, 7}) {
    for (int targets : {1, 2, 5, 6, 7, 13}) {
      constexpr int64_t kWidth = 24;
      auto in = random_tensor(TensorType{DType::f32, Shape{count, kWidth}}, 1);
      auto out = random_tensor(TensorType{DType::f32, Shape{targets, kWidth}}, 2);
      std::vector<double> x(in.as<float>(), in.as<float>() + count * kWidth);
      std::vector<double> y(out.as<float>(), out.as<float>() + targets * kWidth);
      std::vector<double> new_x = x, new_y = y;
      double loss = 0;
      for (int c = 0; c < count; ++c) {
        for (int t = 0; t < targets; ++t) {
          double dot = 0;
          for (int64_t k = 0; k < kWidth; ++k) dot += x[c * kWidth + k] * y[t * kWidth + k];
          double label = t == 0 ? 1 : 0;
          double slope = 0.025 * (label - 1 / (1 + std::exp(-dot)));
          loss += std::log1p(std::exp(t == 0 ? -dot : dot));
          for (int64_t k = 0; k < kWidth; ++k) {
            new_x[c * kWidth + k] += slope * y[t * kWidth + k];
            new_y[t * kWidth + k] += slope * x[c * kWidth + k];
          }
        }
      }
      std::vector<float*> contexts, rows;
      for (int c = 0; c < count; ++c) contexts.push_back(in.as<float>() + c * kWidth);
      for (int t = 0; t < targets; ++t) rows.push_back(out.as<float>() + t * kWidth);
      float got = 0;
      cpu::kernels().skip_gram(contexts.data(), count, rows.data(), targets, kWidth, 0.025f, &got);
      double worst = 0;
      // Behind the first six targets the contexts have already moved: a difference of second order.
      double allowed = targets > 6 ? 1e-2 : 1e-6;
      for (int64_t i = 0; i < count * kWidth; ++i)
        worst = std::fmax(worst, std::fabs(in.as<float>()[i] - new_x[i]));
      for (int64_t i = 0; i < targets * kWidth; ++i)
        worst = std::fmax(worst, std::fabs(out.as<float>()[i] - new_y[i]));
      CHECK_MESSAGE(worst < allowed, std::to_string(count) + " contexts, " +
                                         std::to_string(targets) + " targets: off by " +
                                         std::to_string(worst));
      CHECK(std::fabs(got - loss) < 1e-4 * loss + 1e-4);
    }
  }
}

TEST("random words made many at a time are those of Philox") {
  uint32_t key[2] = {7, 9};
  std::vector<uint32_t> words(4 * 37);
  cpu::kernels().random_words(words.data(), 5, 37, key, 0x100000002ull);
  for (uint32_t block = 0; block < 37; ++block) {
    std::array<uint32_t, 4> wanted = philox({7, 9}, {5 + block, 0, 2, 1});
    CHECK(std::memcmp(wanted.data(), &words[block * 4], 16) == 0);
  }
}

TEST("skip-gram puts words of one topic side by side, the same each time") {
  SkipGram first(topics());
  double loss = 0;
  int64_t words = 0;
  CHECK(first.train(6, [&](const SkipGramProgress& at) {
    loss = at.loss;
    words = at.words;
  }));
  CHECK(words == 6 * 400 * 12);
  CHECK(loss > 0 && loss < 6 * 0.6931);
  Tensor vectors = first.vectors();
  double within = 0, across = 0;
  for (int64_t a = 0; a < 10; ++a) {
    for (int64_t b = 0; b < 10; ++b) {
      if (a != b) within += cosine(vectors, a, b) / 90;
      across += cosine(vectors, a, b + 10) / 100;
    }
  }
  CHECK_MESSAGE(within > across + 0.3,
                "within " + std::to_string(within) + ", across " + std::to_string(across));
  SkipGram again(topics());
  again.train(6, nullptr);
  CHECK(largest_difference(vectors, again.vectors()) == 0);
}

TEST("skip-gram goes on from an epoch as if it had never stopped") {
  SkipGram whole(topics());
  whole.train(6, nullptr);
  SkipGram half(topics());
  half.train(2, nullptr);
  SkipGram rest(topics());
  rest.restore(half.vectors(), half.noise_vectors(), half.epoch());
  rest.train(6, nullptr);
  CHECK(largest_difference(whole.vectors(), rest.vectors()) == 0);
}

TEST("skip-gram with several threads learns the same topics") {
  SkipGramOptions options = topics();
  options.threads = 3;
  CHECK(code_of([&] { SkipGram refused(options); }) == "invalid_attribute");
  options.lock_free = true;
  SkipGram trained(options);
  trained.train(6, nullptr);
  Tensor vectors = trained.vectors();
  CHECK(cosine(vectors, 0, 1) > cosine(vectors, 0, 11));
}

TEST("skip-gram refuses what it cannot train on") {
  auto code = [](auto change) {
    SkipGramOptions options = topics();
    change(options);
    return code_of([&] { SkipGram refused(options); });
  };
  CHECK(code([](SkipGramOptions& o) { o.tokens[3] = 20; }) == "invalid_feed");
  CHECK(code([](SkipGramOptions& o) { o.sentences[1] = 1 << 30; }) == "invalid_feed");
  CHECK(code([](SkipGramOptions& o) { o.counts.clear(); }) == "invalid_attribute");
  CHECK(code([](SkipGramOptions& o) { o.window = 33; }) == "invalid_attribute");
  CHECK(code([](SkipGramOptions& o) { o.negatives = 0; }) == "invalid_attribute");
  CHECK(code([](SkipGramOptions& o) { o.rate = NAN; }) == "invalid_attribute");
}

}  // namespace vanda::testing
