#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "core/error.hpp"
#include "core/tensor.hpp"

namespace vanda {

// Rows that the host makes while they are needed (pictures that it decodes), in memory of a fixed
// size. A reader opens a run of it; the host asks which rows are wanted next, makes several at a
// time, in any order, and puts them in; the reader takes each once and gives its place back. Which
// rows are wanted, and in which order, follows from the epoch's order alone: a resumed run sees the
// same ones.
class PictureRing {
 public:
  struct Ticket {
    uint64_t run;
    uint64_t sequence;
    uint32_t item;
  };
  // The rows of an epoch in their order.
  using Order = std::function<std::vector<uint32_t>(uint64_t epoch)>;

  // Room for as many rows as fit into `bytes_max`; throws invalid_attribute when not even
  // `rows_min` do.
  PictureRing(const std::string& name, size_t row_bytes, size_t bytes_max, size_t rows_min);
  size_t bytes() const { return memory_.size(); }

  // For the reader. Rows are numbered through all epochs, `rows` in each.
  void open(uint64_t first, std::optional<uint64_t> end, uint64_t rows, Order order);
  // Waits for a row; null once the run was closed. Throws what the host failed with.
  const char* wait(uint64_t sequence);
  void release(uint64_t sequence);
  void close();

  // For the host. Up to `most` rows that it should make now; none when there is no room.
  std::vector<Ticket> take(size_t most);
  // False when nobody wants the row any more.
  bool put(uint64_t run, uint64_t sequence, const void* row);
  void fail(uint64_t run, Error error);
  // Called, from any thread, when take() has something again after it had nothing.
  void on_room(std::function<void()> call);

 private:
  enum class Place : uint8_t { empty, full, done };
  void announce(std::unique_lock<std::mutex>& lock);
  bool has_room() const;
  Place& place(uint64_t sequence) { return places_[sequence % places_.size()]; }
  char* memory(uint64_t sequence) {
    return static_cast<char*>(memory_.data()) + sequence % places_.size() * row_bytes_;
  }

  const size_t row_bytes_;
  std::vector<Place> places_;
  AlignedBytes memory_;
  std::mutex mutex_;  // of everything below, and of places_
  std::condition_variable changed_;
  bool open_ = false;
  uint64_t run_ = 0;
  uint64_t head_ = 0;  // the oldest row that has not been given back
  uint64_t next_ = 0;  // the next one to hand a ticket out for
  std::optional<uint64_t> end_;
  uint64_t rows_ = 1;
  Order order_;
  std::optional<uint64_t> epoch_;
  std::vector<uint32_t> items_;  // of that epoch
  std::optional<Error> failure_;
  bool starved_ = true;
  std::function<void()> on_room_;
};

}  // namespace vanda
