#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <future>
#include <thread>

#include "core/emit.hpp"
#include "runtime/trainer.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

constexpr int64_t kRows = 30;

// Floats that say which row they are of, made by threads that are in no hurry.
class Host {
 public:
  explicit Host(std::shared_ptr<PictureRing> ring, int threads = 2) : ring_(std::move(ring)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Host() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    while (!stop_) {
      std::vector<PictureRing::Ticket> tickets = ring_->take(3);
      std::reverse(tickets.begin(), tickets.end());
      for (const PictureRing::Ticket& ticket : tickets) {
        float row[2] = {static_cast<float>(ticket.item), 1};
        ring_->put(ticket.run, ticket.sequence, row);
      }
      if (tickets.empty()) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  std::shared_ptr<PictureRing> ring_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

PipelineOptions ring_options(const std::shared_ptr<PictureRing>& ring) {
  Column column;
  column.name = "x";
  column.row = Shape{2};
  column.rows = kRows;
  column.ring = ring;
  PipelineOptions options;
  options.columns = {column};
  options.batch_size = 4;
  options.shuffle = true;
  options.seed = 3;
  return options;
}

std::vector<float> first_of_rows(BatchReader& reader, int batches) {
  std::vector<float> items;
  for (int i = 0; i < batches; ++i) {
    const Batch* batch = reader.next();
    if (batch == nullptr) break;
    const float* x = static_cast<const float*>(batch->feeds[0].data);
    for (int64_t r = 0; r < batch->rows; ++r) items.push_back(x[2 * r]);
  }
  return items;
}

}  // namespace

TEST("a ring gives the rows of the epoch's order, from anywhere, with any number of threads") {
  for (int threads : {1, 3}) {
    auto ring = std::make_shared<PictureRing>("x", 8, 9 * 8, 4);
    PipelineOptions options = ring_options(ring);
    options.threads = threads;
    auto pipeline = std::make_shared<Pipeline>(options);
    std::vector<float> wanted;
    for (uint64_t epoch : {0, 1, 2}) {
      for (uint32_t row : pipeline->order(epoch)) wanted.push_back(static_cast<float>(row));
    }
    Host host(ring);
    {
      BatchReader whole(pipeline, 0, 0, 3);
      CHECK(first_of_rows(whole, 1000) == wanted);
    }
    // Taken up in the middle of the second epoch.
    BatchReader resumed(pipeline, 1, 3, 3);
    std::vector<float> rest(wanted.begin() + kRows + 12, wanted.end());
    CHECK(first_of_rows(resumed, 1000) == rest);
  }
}

TEST("a ring never holds more than its bytes, and one reader at a time") {
  auto ring = std::make_shared<PictureRing>("x", 8, 9 * 8 + 7, 4);
  CHECK(ring->bytes() == 72);
  auto pipeline = std::make_shared<Pipeline>(ring_options(ring));
  CHECK(ring->take(100).empty());
  BatchReader reader(pipeline, 0, 0, 1);
  CHECK(ring->take(100).size() == 9);
  CHECK(ring->take(100).empty());
  CHECK(code_of([&] { BatchReader second(pipeline, 0, 0, 1); }) == "busy");
  CHECK(code_of([&] { PictureRing small("x", 8, 24, 4); }) == "invalid_attribute");
  float row[2] = {};
  CHECK(!ring->put(99, 0, row));
  ring->fail(1, Error("bad", "x", "broken"));
  CHECK(code_of([&] { reader.next(); }) == "bad");
}

TEST("a run that waits for its next batch stops at once") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 2});
  auto ring = std::make_shared<PictureRing>("x", 8, 64, 4);
  TrainerOptions options;
  options.session = std::make_shared<Session>(1);
  options.pipeline = std::make_shared<Pipeline>(ring_options(ring));
  options.request = options.session->prepare(graph, {emit.op("mean", {x})}, {});
  Trainer trainer(options);
  std::promise<bool> finished;
  Trainer::Run run;
  run.until_epoch = 1;
  run.done = [&](bool stopped, const Error* error) { finished.set_value(stopped && !error); };
  trainer.train(std::move(run));
  // Nobody fills the ring.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  trainer.stop();
  CHECK(finished.get_future().get());
}

TEST("batches made ahead stay within their bytes") {
  Tensor rows(TensorType{DType::f32, Shape{1000, 256}});
  Column column;
  column.name = "x";
  column.row = Shape{256};
  column.rows = 1000;
  column.data = rows.as<char>();
  PipelineOptions options;
  options.columns = {column};
  options.batch_size = 100;
  options.prefetch = 8;
  CHECK(Pipeline(options).slots() == 9);
  options.prefetch_bytes = 3 * 100 * 256 * 4 + 5;
  CHECK(Pipeline(options).slots() == 4);
  CHECK(Pipeline(options).reader_bytes() == 4 * 100 * 256 * 4);
  options.prefetch_bytes = 0;
  CHECK(Pipeline(options).slots() == 2);
}

TEST("what an augmentation does lies within its bounds and differs from epoch to epoch") {
  Augment augment;
  augment.flip = true;
  augment.crop = 0.4;
  augment.rotate = 30;
  augment.brightness = 0.2;
  augment.contrast = 0.5;
  int flips = 0;
  for (uint32_t item = 0; item < 1000; ++item) {
    AugmentDraw draw = draw_augment(augment, 7, item % 10, item);
    flips += draw.flip ? 1 : 0;
    CHECK(draw.side > 0.6 - 1e-9 && draw.side <= 1);
    CHECK(draw.left >= 0 && draw.left + draw.side <= 1 + 1e-9);
    CHECK(std::fabs(draw.angle) <= 30 * 3.1415927 / 180);
    CHECK(draw.brightness >= 0.8f - 1e-6f && draw.brightness <= 1.2f + 1e-6f);
    AugmentDraw other = draw_augment(augment, 7, item % 10 + 1, item);
    CHECK(other.angle != draw.angle);
  }
  CHECK(std::abs(flips - 500) < 60);
}

TEST("pictures turn and shrink as geometry says") {
  // A slope along x: sampling it anywhere gives the place itself.
  constexpr int64_t kSide = 9;
  Shape shape{kSide, kSide, 1};
  std::vector<float> slope(static_cast<size_t>(kSide * kSide));
  for (size_t i = 0; i < slope.size(); ++i) slope[i] = static_cast<float>(i % kSide);
  std::vector<float> out(slope.size());
  AugmentDraw quarter;
  quarter.angle = 3.14159265358979 / 2;
  augment_picture(slope.data(), out.data(), shape, quarter);
  // Turned by a quarter it falls along y.
  for (size_t i = 0; i < out.size(); ++i) {
    CHECK(std::fabs(out[i] - static_cast<float>(kSide - 1 - static_cast<int64_t>(i) / kSide)) < 1e-4);
  }
  AugmentDraw half;
  half.left = 0.25;
  half.top = 0.5;
  half.side = 0.5;
  augment_picture(slope.data(), out.data(), shape, half);
  for (size_t i = 0; i < out.size(); ++i) {
    double x = 0.25 * kSide + (static_cast<double>(i % kSide) + 0.5) / 2 - 0.5;
    CHECK(std::fabs(out[i] - x) < 1e-4);
  }
  AugmentDraw contrast;
  contrast.contrast = 0;
  augment_picture(slope.data(), out.data(), shape, contrast);
  for (float value : out) CHECK(std::fabs(value - 4) < 1e-4);
}

}  // namespace vanda::testing
