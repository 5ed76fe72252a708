#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/tensor.hpp"

namespace vanda {

struct SkipGramOptions {
  std::vector<int32_t> tokens;     // numbers of words; a negative one is a word that is left out
  std::vector<int64_t> sentences;  // where each begins; empty: a new one every kSentenceTokens
  std::vector<int64_t> counts;     // of each word, for the noise and for leaving out frequent words
  int64_t dim = 100;
  int64_t window = 5;
  int64_t negatives = 5;
  int64_t epochs = 5;
  double sample = 1e-3;  // share of the text above which a word is frequent; 0: keep all
  double power = 0.75;   // the noise is count^power
  double rate = 0.025;   // falls linearly to rate_min over all epochs
  double rate_min = 1e-4;
  uint64_t seed = 0;
  int64_t threads = 1;
  bool lock_free = false;
};

struct SkipGramProgress {
  int64_t epoch = 0;  // epochs finished
  int64_t words = 0;  // tokens seen in all, those left out included
  double loss = 0;    // of a pair, averaged over a sample of the windows since the last report
  double rate = 0;
};

// Word vectors by skip-gram with negative sampling (Mikolov et al., 2013): each word of the text is
// predicted from those around it. As in word2vec, the window's reach is drawn anew for each word,
// frequent words are left out at random, and noise words follow the unigram counts to a power; all
// words of a window share their noise (Ji et al., 2016), so that a window is two small products.
//
// What is drawn is a function of (seed, epoch, sentence). With one thread the vectors are too; with
// several (`lock_free`) the threads write the tables without locks (Recht et al., 2011) and the
// vectors differ a little from run to run.
class SkipGram {
 public:
  static constexpr int64_t kSentenceTokens = 1000;

  explicit SkipGram(SkipGramOptions options);  // throws invalid_attribute, invalid_feed

  // Trains on the calling thread, and on more where the options say so, until that many epochs are
  // done. False when stopped before. `report` is called on any of the threads, one at a time.
  bool train(int64_t until_epoch, const std::function<void(const SkipGramProgress&)>& report) {
    begin();
    return run(until_epoch, report);
  }
  // The same in two: begin() throws busy while a training runs, run() may be on another thread.
  void begin();
  bool run(int64_t until_epoch, const std::function<void(const SkipGramProgress&)>& report);
  void stop() { stop_.store(true); }
  bool running() const { return running_.load(); }
  int64_t epoch() const { return epoch_; }

  // [words, dim]; only while nothing runs.
  Tensor vectors() const { return packed(*input_); }
  Tensor noise_vectors() const { return packed(*output_); }
  // Goes on from what both once gave.
  void restore(const Tensor& vectors, const Tensor& noise_vectors, int64_t epoch);

 private:
  struct Worker;
  void check() const;
  void cut_sentences();
  void make_noise();
  void make_vectors();
  void run_epoch(const std::function<void(const SkipGramProgress&)>& report);
  void work(Worker& worker, std::atomic<int64_t>& next,
            const std::function<void(const SkipGramProgress&)>& report, std::mutex& reporting);
  void run_sentence(Worker& worker, int64_t sentence);
  Tensor packed(const AlignedBytes& table) const;
  void unpack(const Tensor& from, const AlignedBytes& table);

  SkipGramOptions options_;
  int64_t words_ = 0;
  int64_t stride_ = 0;  // floats of a row: dim, rounded up
  std::vector<float> keep_;
  std::vector<uint32_t> threshold_;
  std::vector<int32_t> alias_;
  std::unique_ptr<AlignedBytes> input_;
  std::unique_ptr<AlignedBytes> output_;
  int64_t epoch_ = 0;
  std::atomic<int64_t> done_{0};  // tokens of the present epoch
  std::atomic<bool> stop_{false};
  std::atomic<bool> running_{false};
};

}  // namespace vanda
