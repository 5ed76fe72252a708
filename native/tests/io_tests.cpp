#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "io/graph_json.hpp"
#include "io/json.hpp"
#include "io/safetensors.hpp"
#include "passes/passes.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

std::string folder() {
  static const std::string path = [] {
    std::string made =
        std::filesystem::temp_directory_path() / ("vanda-io-" + std::to_string(::getpid()));
    std::filesystem::create_directories(made);
    return made;
  }();
  return path;
}

std::string write_raw(const std::string& header, uint64_t length, size_t data_bytes) {
  std::string path = folder() + "/raw.safetensors";
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), 8);
  file << header << std::string(data_bytes, 'x');
  return path;
}

std::string code_of_header(const std::string& header, size_t data_bytes) {
  std::string path = write_raw(header, header.size(), data_bytes);
  return code_of([&] { read_safetensors(path); });
}

}  // namespace

TEST("safetensors come back as they were written") {
  Safetensors content;
  content.tensors.emplace_back("a/weight \"quoted\" é",
                               random_tensor(TensorType{DType::f32, Shape{3, 4}}, 1));
  content.tensors.emplace_back("empty", Tensor(TensorType{DType::i32, Shape{0, 5}}));
  content.tensors.emplace_back("scalar", random_tensor(TensorType{DType::i64, Shape{}}, 2, 0, 1e6));
  content.tensors.emplace_back("bytes", random_tensor(TensorType{DType::u8, Shape{7}}, 3, 0, 255));
  content.metadata = {{"note", "line\nbreak"}};
  std::string path = folder() + "/whole.safetensors";
  write_safetensors(path, content);
  Safetensors back = read_safetensors(path);
  CHECK(back.tensors.size() == content.tensors.size());
  CHECK(back.metadata == content.metadata);
  for (const auto& [name, tensor] : content.tensors) {
    bool found = false;
    for (const auto& [other, read] : back.tensors) {
      if (other != name) continue;
      found = read.type == tensor.type &&
              std::memcmp(read.data(), tensor.data(), tensor.type.bytes()) == 0;
    }
    CHECK_MESSAGE(found, name);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder()), {}) == 1);
  CHECK(code_of([&] { write_safetensors(folder() + "/no/such/folder", content); }) == "io");
}

TEST("the pieces of large tensors are read by several threads, each to its place") {
  Safetensors content;
  content.tensors.emplace_back("odd", random_tensor(TensorType{DType::u8, Shape{(9 << 20) + 3}}, 1, 0, 255));
  content.tensors.emplace_back("left", random_tensor(TensorType{DType::f32, Shape{7}}, 2));
  content.tensors.emplace_back("large", random_tensor(TensorType{DType::f32, Shape{1300, 1009}}, 3));
  content.tensors.emplace_back("none", Tensor(TensorType{DType::f32, Shape{0, 3}}));
  std::string path = folder() + "/large.safetensors";
  write_safetensors(path, content);
  SafetensorsFile file(path);
  CHECK(file.entries().size() == 4);
  CHECK(file.find("missing") == nullptr);
  for (int threads : {1, 2, 3, 64}) {
    std::vector<Tensor> read;
    std::vector<SafetensorsFile::Part> parts;
    for (size_t i : {2, 0, 3}) {
      const SafetensorsFile::Entry* entry = file.find(content.tensors[i].first);
      CHECK(entry != nullptr && entry->type == content.tensors[i].second.type);
      read.emplace_back(entry->type);
      parts.push_back({entry, read.back().data()});
    }
    file.read(parts, threads);
    size_t at = 0;
    for (size_t i : {2, 0, 3}) {
      const Tensor& wanted = content.tensors[i].second;
      CHECK(std::memcmp(read[at++].data(), wanted.data(), wanted.type.bytes()) == 0);
    }
  }
  // Cut off after its header was read: whichever thread finds out, the caller hears of it.
  std::filesystem::resize_file(path, (9 << 20) + 4096);
  Tensor large(content.tensors[2].second.type);
  CHECK(code_of([&] { file.read({{file.find("large"), large.data()}}, 3); }) == "corrupt_file");
}

TEST("a session is of no use after a file that ended while it was read, until all is there again") {
  Graph graph;
  std::vector<Value> made;
  for (const char* name : {"a", "b"}) {
    made.push_back({graph.add("variable", {},
                              {{"dtype", std::string("f32")},
                               {"shape", std::vector<int64_t>{4}},
                               {"init", std::string("zeros")}},
                              name),
                    0});
  }
  Value sum = Emit(graph).op("add", made);
  Safetensors content;
  for (const char* name : {"a", "b"}) {
    content.tensors.emplace_back(name, random_tensor(TensorType{DType::f32, Shape{4}}, 5));
  }
  const std::string path = folder() + "/shrinks.safetensors";
  write_safetensors(path, content);
  Session session(1);
  auto run = [&] { return session.run(session.prepare(graph, {sum}, {}), {}, 0)[0]; };
  auto wanted = [&] { return 2 * content.tensors[0].second.as<float>()[1]; };
  CHECK(run().as<float>()[1] == 0);
  {
    SafetensorsFile file(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 16);
    CHECK(code_of([&] { session.load_variables(graph, file); }) == "corrupt_file");
  }
  CHECK(code_of(run) == "corrupt_file");
  CHECK(code_of([&] { session.read_variables(); }) == "corrupt_file");
  std::vector<NamedView> views;
  for (const auto& [name, tensor] : content.tensors) {
    views.push_back({name, tensor.type, tensor.data()});
  }
  session.write_variables({views[0]});
  CHECK(code_of(run) == "corrupt_file");
  session.write_variables({views[1]});
  CHECK(run().as<float>()[1] == wanted());
  write_safetensors(path, content);
  {
    SafetensorsFile file(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
    CHECK(code_of([&] { session.load_variables(graph, file); }) == "corrupt_file");
  }
  write_safetensors(path, content);
  session.load_variables(graph, SafetensorsFile(path));
  CHECK(run().as<float>()[1] == wanted());
}

TEST("hostile safetensors are refused") {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  CHECK(code_of_header(good, 8) == "");
  CHECK(code_of_header(good, 7) == "corrupt_file");
  CHECK(code_of_header(good, 9) == "corrupt_file");
  CHECK(code_of_header(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8) ==
        "corrupt_file");
  CHECK(code_of_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8) ==
        "corrupt_file");
  CHECK(code_of_header(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8) ==
        "corrupt_file");
  CHECK(code_of_header(R"({"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", 8) ==
        "corrupt_file");
  CHECK(code_of_header(R"({"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}})", 8) ==
        "corrupt_file");
  CHECK(code_of_header(
            R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8) ==
        "limit");
  CHECK(
      code_of_header(
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
          12) == "corrupt_file");
  CHECK(code_of_header(R"({"__metadata__":{"a":1}})", 0) == "corrupt_file");
  CHECK(code_of_header("[]", 0) == "corrupt_file");
  CHECK(code_of_header("{", 0) == "corrupt_file");
  CHECK(code_of_header(std::string(100000, '['), 0) == "corrupt_file");
  CHECK(code_of([&] { read_safetensors(write_raw(good, ~uint64_t{0}, 8)); }) == "corrupt_file");
  CHECK(code_of([&] { read_safetensors(write_raw(good, 1 << 20, 8)); }) == "corrupt_file");
  CHECK(code_of([&] { read_safetensors(folder() + "/nothing"); }) == "io");
  CHECK(code_of([&] { read_safetensors(folder()); }) == "io");
  std::ofstream(folder() + "/short") << "abc";
  CHECK(code_of([&] { read_safetensors(folder() + "/short"); }) == "corrupt_file");
  std::filesystem::remove_all(folder());
}

TEST("a graph comes back from its JSON and computes the same") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 6, 6, 2});
  Tensor kernel = random_tensor(TensorType{DType::f32, Shape{3, 3, 2, 4}}, 4);
  Value k{graph.add_constant(kernel), 0};
  Value y = emit.op("relu", {emit.op("conv2d", {x, k}, {{"padding", std::string("same")}})});
  Value z = emit.op("clamp", {y}, {{"low", 0.0}, {"high", static_cast<double>(INFINITY)}});
  Program program;
  program.graph = graph;
  program.outputs = {z};
  std::string text = graph_to_json(prune(program));
  Program back = graph_from_json(text);
  CHECK(graph_to_json(back) == text);
  Feeds feeds = {{"x", random_tensor(TensorType{DType::f32, Shape{2, 6, 6, 2}}, 6)}};
  CHECK(largest_difference(evaluate_backend(back.graph, back.outputs, feeds)[0],
                           evaluate_backend(graph, {z}, feeds)[0]) == 0);
}

TEST("hostile graphs are refused") {
  auto code = [](const std::string& nodes, const std::string& rest = "\"outputs\":[]") {
    return code_of([&] {
      graph_from_json("{\"format\":\"vanda-graph/1\",\"nodes\":[" + nodes + "]," + rest + "}");
    });
  };
  const std::string x =
      R"({"op":"placeholder","name":"x","attributes":{"dtype":"f32","shape":[-1,3]}})";
  CHECK(code(x) == "");
  CHECK(code(x + "," + x) == "invalid_graph");
  CHECK(code(R"({"op":"system"})") == "unknown_op");
  CHECK(code(R"({"op":"fused"})") == "unknown_op");
  CHECK(code(R"({"op":"exp","inputs":[[0,0]]})") == "invalid_graph");
  CHECK(code(x + R"(,{"op":"exp","inputs":[[-1,0]]})") == "corrupt_file");
  CHECK(code(x + R"(,{"op":"exp","inputs":[[0,1]]})") == "invalid_graph");
  CHECK(code(x + R"(,{"op":"exp","inputs":[[0,0]],"attributes":{"a":1}})") == "invalid_attribute");
  CHECK(code(R"({"op":"placeholder","name":"x","attributes":{"dtype":"f64","shape":[3]}})") ==
        "corrupt_file");
  CHECK(code(R"({"op":"placeholder","name":"x","attributes":{"dtype":"f32","shape":[1e300]}})") ==
        "corrupt_file");
  CHECK(code(R"({"op":"constant","dtype":"f32","shape":[1000000000],"data":""})") ==
        "corrupt_file");
  CHECK(code(R"({"op":"constant","dtype":"f32","shape":[1],"data":"\u0000AAA"})") ==
        "corrupt_file");
  CHECK(code(x, "\"outputs\":[[7,0]]") == "corrupt_file");
  CHECK(code(x, "\"effects\":[0]") == "corrupt_file");
  CHECK(code_of([&] { graph_from_json("{}"); }) == "corrupt_file");
  CHECK(code_of([&] { graph_from_json("nonsense"); }) == "corrupt_file");
  CHECK(code_of([&] { graph_from_json(std::string(1000, '{')); }) == "corrupt_file");
  // A gradient of a pooling that is fed from outside, not by its own forward op.
  std::string pool =
      R"({"op":"placeholder","name":"d","attributes":{"dtype":"f32","shape":[1,2,2,1]}},
    {"op":"placeholder","name":"i","attributes":{"dtype":"i32","shape":[1,2,2,1]}},
    {"op":"max_pool2d_grad","inputs":[[0,0],[1,0]],"attributes":{"size":[2,2],"stride":[2,2],"inputSize":[4,4]}})";
  Program program = graph_from_json("{\"format\":\"vanda-graph/1\",\"nodes\":[" + pool +
                                    "],\"outputs\":[[2,0]]}");
  Feeds feeds = {{"d", random_tensor(TensorType{DType::f32, Shape{1, 2, 2, 1}}, 1)},
                 {"i", random_tensor(TensorType{DType::i32, Shape{1, 2, 2, 1}}, 1)}};
  CHECK(code_of([&] { evaluate_backend(program.graph, program.outputs, feeds); }) ==
        "invalid_graph");
}

TEST("truncating or changing any byte of a graph never crashes") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Program program;
  program.graph = graph;
  program.outputs = {emit.add(emit.op("leaky_relu", {x}), 0.5)};
  program.graph = graph;
  std::string text = graph_to_json(prune(program));
  PhiloxStream random(11, 0);
  for (size_t i = 0; i < text.size(); ++i) {
    code_of([&] { graph_from_json(std::string_view(text).substr(0, i)); });
    std::string changed = text;
    changed[i] = static_cast<char>(random.bits());
    code_of([&] { graph_from_json(changed); });
  }
  CHECK(true);
}

TEST("numbers survive JSON") {
  for (double value : {0.1, 1e-300, 123456789.25, -0.0, 5e-324}) {
    std::string text;
    write_json_number(text, value);
    CHECK(parse_json(text, 1).number == value);
  }
  for (double value : {1e20, -1.5e-7, 1.7976931348623157e308, 4e15, -7.0}) {
    std::string text;
    write_json_number(text, value);
    CHECK(parse_json(text, 1).number == value);
  }
  CHECK(parse_json(R"("\ud83d\ude00\n")", 1).text == "\xF0\x9F\x98\x80\n");
  CHECK(code_of([] { parse_json("[1,2,3]", 3); }) == "corrupt_file");
}

TEST("numbers that JSON has, and those that it has not") {
  const std::pair<const char*, double> allowed[] = {
      {"0", 0},     {"-0", 0},     {"10", 10},      {"0.5", 0.5}, {"-1.50", -1.5},
      {"1e2", 100}, {"1E+2", 100}, {"1e-02", 0.01}, {"0e0", 0},   {" 7 ", 7}};
  for (const auto& [text, value] : allowed) CHECK(parse_json(text, 1).number == value);
  const std::pair<const char*, int> refused[] = {
      {"059", 0}, {"-059", 1}, {"00", 0},  {"1.", 2},   {"1.e5", 2},  {".5", 0},   {"-.5", 1},
      {"+1", 0},  {"-", 1},    {"--1", 1}, {"1e", 2},   {"1e+", 3},   {"1.5.", 3}, {"1e5.2", 3},
      {"1-2", 1}, {"0x10", 1}, {"NaN", 0}, {"-inf", 1}, {"1e999", 5}, {"1_0", 1}};
  for (const auto& [text, at] : refused) {
    for (const std::string before : {"", "[0, "}) {
      std::string said;
      try {
        parse_json(before + text + (before.empty() ? "" : "]"), 9);
      } catch (const Error& error) {
        said = error.what();
      }
      std::string place = " at byte " + std::to_string(before.size() + static_cast<size_t>(at));
      CHECK(said.ends_with(place));
    }
  }
}

}  // namespace vanda::testing
