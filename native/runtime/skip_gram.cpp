#include "runtime/skip_gram.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/backend.hpp"
#include "core/error.hpp"
#include "core/philox.hpp"

namespace vanda {

namespace {

constexpr int64_t kRowFloats = 8;  // rows are whole vectors of the kernel
constexpr int64_t kWindowMax = 32;
constexpr int64_t kNegativesMax = 31;
constexpr int64_t kSentencesTaken = 8;  // by a thread at once
constexpr int64_t kLossEvery = 16;      // windows

const WordKernels& kernels() {
  static const WordKernels chosen = linked_backend().word_kernels();
  return chosen;
}

// Random words of one sentence, made many at a time.
class SentenceRandom {
 public:
  SentenceRandom(uint64_t seed, uint64_t stream) : key_(philox_key(seed)), stream_(stream) {}
  uint32_t next() {
    if (used_ == kWords) {
      kernels().random_words(words_, block_, kWords / 4, key_.data(), stream_);
      block_ += kWords / 4;
      used_ = 0;
    }
    return words_[used_++];
  }

 private:
  static constexpr uint32_t kWords = 1024;
  std::array<uint32_t, 2> key_;
  uint64_t stream_;
  uint64_t block_ = 0;
  uint32_t used_ = kWords;
  uint32_t words_[kWords];
};

struct Window {
  int64_t begin = 0;
  int64_t end = 0;
  int targets = 0;
  float* rows[kNegativesMax + 1];
};

void prefetch_row(const float* row, int64_t floats) {
  for (int64_t k = 0; k < floats; k += 16) __builtin_prefetch(row + k, 1);
}

}  // namespace

struct SkipGram::Worker {
  std::vector<int32_t> kept;
  double loss = 0;
  int64_t pairs = 0;
};

SkipGram::SkipGram(SkipGramOptions options) : options_(std::move(options)) {
  words_ = static_cast<int64_t>(options_.counts.size());
  stride_ = (options_.dim + kRowFloats - 1) / kRowFloats * kRowFloats;
  check();
  cut_sentences();
  make_noise();
  make_vectors();
}

void SkipGram::check() const {
  auto refuse = [](const std::string& why) { throw Error("invalid_attribute", "skipGram", why); };
  if (words_ < 1) refuse("the vocabulary is empty");
  if (words_ > 0x7fffffff) refuse("the vocabulary has at most 2147483647 words");
  if (options_.dim < 1 || options_.dim > 4096) refuse("dim must be 1 to 4096");
  if (options_.window < 1 || options_.window > kWindowMax) {
    refuse("window must be 1 to " + std::to_string(kWindowMax));
  }
  if (options_.negatives < 1 || options_.negatives > kNegativesMax) {
    refuse("negatives must be 1 to " + std::to_string(kNegativesMax));
  }
  if (options_.epochs < 1) refuse("epochs must be at least 1");
  if (options_.threads < 1 || options_.threads > 256) refuse("threads must be 1 to 256");
  if (options_.threads > 1 && !options_.lock_free) {
    refuse("several threads write the same vectors without locks: say lockFree, or use one thread");
  }
  bool rates = options_.rate > 0 && options_.rate < 1 && options_.rate_min >= 0 &&
               options_.rate_min <= options_.rate;
  if (!rates) refuse("the learning rate must be above 0 and below 1, and its minimum below it");
  if (!(options_.sample >= 0 && options_.sample <= 1)) refuse("sample must be 0 to 1");
  if (!(options_.power >= 0 && options_.power <= 1)) refuse("power must be 0 to 1");
  for (int64_t count : options_.counts) {
    if (count < 1) refuse("each word has a count of at least 1");
  }
  for (int32_t token : options_.tokens) {
    if (token < words_) continue;
    throw Error("invalid_feed", "skipGram",
                "the token " + std::to_string(token) + " is outside a vocabulary of " +
                    std::to_string(words_) + " words");
  }
}

// Long sentences are cut, so that threads have enough to share.
void SkipGram::cut_sentences() {
  int64_t tokens = static_cast<int64_t>(options_.tokens.size());
  std::vector<int64_t> given = options_.sentences;
  if (given.empty()) given = {0};
  std::vector<int64_t> begins;
  for (size_t i = 0; i < given.size(); ++i) {
    int64_t end = i + 1 < given.size() ? given[i + 1] : tokens;
    if (given[0] != 0 || end < given[i] || end > tokens) {
      throw Error("invalid_feed", "skipGram",
                  "sentences must begin at 0, never fall and end within the tokens");
    }
    for (int64_t at = given[i]; at < end; at += kSentenceTokens) begins.push_back(at);
  }
  begins.push_back(tokens);
  options_.sentences = std::move(begins);
}

void SkipGram::make_noise() {
  double total = 0;
  double noise = 0;
  for (int64_t count : options_.counts) {
    total += static_cast<double>(count);
    noise += std::pow(static_cast<double>(count), options_.power);
  }
  // The share of a frequent word that stays, as in word2vec.
  double frequent = options_.sample * total;
  std::vector<double> weight;
  for (int64_t count : options_.counts) {
    double ratio = frequent / static_cast<double>(count);
    keep_.push_back(options_.sample == 0 ? 1 : static_cast<float>(std::sqrt(ratio) + ratio));
    weight.push_back(std::pow(static_cast<double>(count), options_.power) / noise *
                     static_cast<double>(words_));
  }
  // Walker's alias table (Vose, 1991).
  threshold_.assign(static_cast<size_t>(words_), 0xffffffff);
  alias_.resize(static_cast<size_t>(words_));
  std::vector<int32_t> small;
  std::vector<int32_t> large;
  for (int32_t w = 0; w < words_; ++w) {
    alias_[static_cast<size_t>(w)] = w;
    (weight[static_cast<size_t>(w)] < 1 ? small : large).push_back(w);
  }
  while (!small.empty() && !large.empty()) {
    size_t low = static_cast<size_t>(small.back());
    size_t high = static_cast<size_t>(large.back());
    small.pop_back();
    threshold_[low] = static_cast<uint32_t>(weight[low] * 4294967295.0);
    alias_[low] = static_cast<int32_t>(high);
    weight[high] -= 1 - weight[low];
    if (weight[high] >= 1) continue;
    large.pop_back();
    small.push_back(static_cast<int32_t>(high));
  }
}

// As in word2vec: small random vectors for the words, zeros for what they are matched against.
void SkipGram::make_vectors() {
  size_t bytes = static_cast<size_t>(words_ * stride_) * sizeof(float);
  input_ = std::make_unique<AlignedBytes>(bytes);
  output_ = std::make_unique<AlignedBytes>(bytes);
  PhiloxStream random(options_.seed, hash_name("skipGram", 8));
  float* rows = static_cast<float*>(input_->data());
  for (int64_t w = 0; w < words_; ++w) {
    for (int64_t k = 0; k < options_.dim; ++k) {
      rows[w * stride_ + k] =
          static_cast<float>((random.unit() - 0.5) / static_cast<double>(options_.dim));
    }
  }
}

void SkipGram::begin() {
  if (running_.exchange(true)) throw Error("busy", "skipGram", "a training is already running");
  stop_.store(false);
}

bool SkipGram::run(int64_t until_epoch,
                   const std::function<void(const SkipGramProgress&)>& report) {
  struct Done {
    std::atomic<bool>& running;
    ~Done() { running.store(false); }
  } done{running_};
  while (epoch_ < std::min(until_epoch, options_.epochs)) {
    run_epoch(report);
    // An epoch that was broken off cannot be taken up again: its words have been learnt from.
    if (stop_.load()) return false;
    ++epoch_;
  }
  return true;
}

void SkipGram::run_epoch(const std::function<void(const SkipGramProgress&)>& report) {
  done_.store(0);
  std::atomic<int64_t> next{0};
  std::mutex reporting;
  std::vector<Worker> workers(static_cast<size_t>(options_.threads));
  std::vector<std::thread> others;
  for (size_t t = 1; t < workers.size(); ++t) {
    others.emplace_back([&, t] { work(workers[t], next, report, reporting); });
  }
  work(workers[0], next, report, reporting);
  for (std::thread& thread : others) thread.join();
}

void SkipGram::work(Worker& worker, std::atomic<int64_t>& next,
                    const std::function<void(const SkipGramProgress&)>& report,
                    std::mutex& reporting) {
  int64_t sentences = static_cast<int64_t>(options_.sentences.size()) - 1;
  int64_t tokens = options_.sentences.back();
  int64_t step = std::max<int64_t>(1, tokens / 100);
  while (!stop_.load(std::memory_order_relaxed)) {
    int64_t first = next.fetch_add(kSentencesTaken);
    if (first >= sentences) return;
    int64_t last = std::min(first + kSentencesTaken, sentences);
    for (int64_t s = first; s < last; ++s) run_sentence(worker, s);
    int64_t seen = options_.sentences[static_cast<size_t>(last)] -
                   options_.sentences[static_cast<size_t>(first)];
    int64_t before = done_.fetch_add(seen);
    if (!report || before / step == (before + seen) / step || worker.pairs == 0) continue;
    SkipGramProgress progress;
    progress.epoch = epoch_;
    progress.words = epoch_ * tokens + before + seen;
    progress.loss = worker.loss / static_cast<double>(worker.pairs);
    double part = static_cast<double>(progress.words) / static_cast<double>(options_.epochs * tokens);
    progress.rate = options_.rate - (options_.rate - options_.rate_min) * part;
    worker.loss = 0;
    worker.pairs = 0;
    std::lock_guard lock(reporting);
    report(progress);
  }
}

void SkipGram::run_sentence(Worker& worker, int64_t sentence) {
  int64_t begin = options_.sentences[static_cast<size_t>(sentence)];
  int64_t end = options_.sentences[static_cast<size_t>(sentence) + 1];
  SentenceRandom random(options_.seed, (static_cast<uint64_t>(epoch_) << 40) |
                                           (static_cast<uint64_t>(sentence) + 1));
  std::vector<int32_t>& kept = worker.kept;
  kept.clear();
  for (int64_t i = begin; i < end; ++i) {
    int32_t word = options_.tokens[static_cast<size_t>(i)];
    if (word < 0) continue;
    float keep = keep_[static_cast<size_t>(word)];
    if (keep < 1 && unit_float(random.next()) >= keep) continue;
    kept.push_back(word);
  }
  double tokens = static_cast<double>(options_.sentences.back());
  double part = (static_cast<double>(epoch_) + static_cast<double>(begin) / tokens) /
                static_cast<double>(options_.epochs);
  float rate = static_cast<float>(options_.rate - (options_.rate - options_.rate_min) * part);

  float* input = static_cast<float*>(input_->data());
  float* output = static_cast<float*>(output_->data());
  int64_t count = static_cast<int64_t>(kept.size());
  // Draws the window around a word, and calls its rows into the cache.
  auto draw = [&](int64_t i, Window& window) {
    int32_t word = kept[static_cast<size_t>(i)];
    uint32_t bound = static_cast<uint32_t>(options_.window);
    int64_t reach = 1 + static_cast<int64_t>((uint64_t{random.next()} * bound) >> 32);
    window.begin = std::max<int64_t>(0, i - reach);
    window.end = std::min(count, i + reach + 1);
    window.rows[0] = output + word * stride_;
    window.targets = 1;
    for (int64_t k = 0; k < options_.negatives; ++k) {
      uint64_t product = uint64_t{random.next()} * static_cast<uint64_t>(words_);
      size_t column = static_cast<size_t>(product >> 32);
      bool own = static_cast<uint32_t>(product) <= threshold_[column];
      int64_t noise = own ? static_cast<int64_t>(column) : alias_[column];
      float* row = output + noise * stride_;
      bool fresh = true;
      for (int t = 0; t < window.targets; ++t) fresh = fresh && window.rows[t] != row;
      if (fresh) window.rows[window.targets++] = row;
    }
    for (int t = 0; t < window.targets; ++t) prefetch_row(window.rows[t], stride_);
    int64_t ahead = std::min(i + options_.window, count - 1);
    prefetch_row(input + kept[static_cast<size_t>(ahead)] * stride_, stride_);
  };
  Window windows[2];
  if (count > 0) draw(0, windows[0]);
  float* contexts[2 * kWindowMax];
  for (int64_t i = 0; i < count; ++i) {
    Window& window = windows[i & 1];
    if (i + 1 < count) draw(i + 1, windows[(i + 1) & 1]);
    int found = 0;
    for (int64_t j = window.begin; j < window.end; ++j) {
      if (j != i) contexts[found++] = input + kept[static_cast<size_t>(j)] * stride_;
    }
    if (found == 0) continue;
    float loss = 0;
    bool measured = i % kLossEvery == 0;
    kernels().skip_gram(contexts, found, window.rows, window.targets, stride_, rate,
                        measured ? &loss : nullptr);
    if (!measured) continue;
    worker.loss += static_cast<double>(loss);
    worker.pairs += found;
  }
}

Tensor SkipGram::packed(const AlignedBytes& table) const {
  if (running_.load()) throw Error("busy", "skipGram", "a training is running");
  Tensor out(TensorType{DType::f32, Shape{words_, options_.dim}});
  const float* rows = static_cast<const float*>(table.data());
  for (int64_t w = 0; w < words_; ++w) {
    std::memcpy(out.as<float>() + w * options_.dim, rows + w * stride_,
                static_cast<size_t>(options_.dim) * sizeof(float));
  }
  return out;
}

void SkipGram::unpack(const Tensor& from, const AlignedBytes& table) {
  float* rows = static_cast<float*>(table.data());
  for (int64_t w = 0; w < words_; ++w) {
    std::memcpy(rows + w * stride_, from.as<float>() + w * options_.dim,
                static_cast<size_t>(options_.dim) * sizeof(float));
  }
}

void SkipGram::restore(const Tensor& vectors, const Tensor& noise_vectors, int64_t epoch) {
  if (running_.load()) throw Error("busy", "skipGram", "a training is running");
  TensorType wanted{DType::f32, Shape{words_, options_.dim}};
  for (const Tensor* given : {&vectors, &noise_vectors}) {
    if (given->type == wanted) continue;
    throw Error("shape_mismatch", "skipGram",
                "takes vectors of " + wanted.text() + ", not " + given->type.text());
  }
  if (epoch < 0 || epoch > options_.epochs) {
    throw Error("invalid_attribute", "skipGram",
                "the epoch must be 0 to " + std::to_string(options_.epochs));
  }
  unpack(vectors, *input_);
  unpack(noise_vectors, *output_);
  epoch_ = epoch;
}

}  // namespace vanda
