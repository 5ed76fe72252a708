// A driver for fuzz targets where the compiler has no libFuzzer: runs every file of the corpus, then changed and
// crossed ones until the time is over. What crashes is left in `crash`, beside a line that says so.
// Usage: TARGET [-max_total_time=SECONDS] [-seed=NUMBER] FOLDER...
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kBytesMax = 4096;
using Random = std::mt19937_64;

size_t below(Random& random, size_t bound) { return bound == 0 ? 0 : random() % bound; }

// What readers of numbers and of lengths like least.
const std::vector<std::string>& tokens() {
  static const std::vector<std::string> all = {
      "-1",   "0",    "1e308", "18446744073709551615", "9223372036854775807", "null", "true",
      "[]",   "{}",   "\"\"",  "[[0,0]]",              "[-1,3]",              "0.5",  "\\u0000",
      "F32",  "I64",  "f32",   "i32",                  "u8",                  "bool", ",",
      std::string(8, '\xff'),  std::string(8, '\0'),   std::string(64, '[')};
  return all;
}

void change(std::string& text, const std::vector<std::string>& corpus, Random& random) {
  const size_t at = below(random, text.size() + 1);
  const size_t length = below(random, 1 + std::min<size_t>(text.size() - at, 32));
  switch (below(random, 6)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(random, 8)));
      break;
    case 1:
      text.erase(at, length);
      break;
    case 2:
      text.insert(at, tokens()[below(random, tokens().size())]);
      break;
    case 3:
      text.replace(at, length, tokens()[below(random, tokens().size())]);
      break;
    case 4: {
      const std::string& other = corpus[below(random, corpus.size())];
      const size_t from = below(random, other.size() + 1);
      text.insert(at, other.substr(from, below(random, 64)));
      break;
    }
    default:
      text.insert(at, text.substr(at, length));
  }
  if (text.size() > kBytesMax) text.resize(kBytesMax);
}

void run(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 10;
  uint64_t seed = 1;
  std::vector<std::string> corpus;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("-max_total_time=")) {
      seconds = std::atof(word.c_str() + std::strlen("-max_total_time="));
    } else if (word.starts_with("-seed=")) {
      seed = std::strtoull(word.c_str() + std::strlen("-seed="), nullptr, 10);
    } else {
      for (const auto& entry : std::filesystem::directory_iterator(word)) {
        std::ifstream file(entry.path(), std::ios::binary);
        corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
      }
    }
  }
  if (corpus.empty()) {
    std::cerr << "There is no corpus.\n";
    return 1;
  }
  std::sort(corpus.begin(), corpus.end());
  for (const std::string& text : corpus) run(text);
  Random random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  size_t runs = corpus.size();
  while (std::chrono::steady_clock::now() < end) {
    std::string text = corpus[below(random, corpus.size())];
    for (size_t i = 0, changes = 1 + below(random, 4); i < changes; ++i) {
      change(text, corpus, random);
    }
    // Written before it is tried: a crash leaves it behind.
    std::ofstream("crash", std::ios::binary | std::ios::trunc) << text;
    run(text);
    ++runs;
  }
  std::filesystem::remove("crash");
  std::cerr << runs << " inputs, seed " << seed << "\n";
  return 0;
}
