#include <set>

#include "core/autodiff.hpp"
#include "core/verify.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

int count(const Program& program, const std::string& op) {
  int found = 0;
  for (int id = 0; id < program.graph.size(); ++id)
    found += program.graph.node(id).is(op.c_str()) ? 1 : 0;
  return found;
}

const FeedTypes kPair = {{"x", TensorType{DType::f32, Shape{2, 3}}}};

Program program_of(const Graph& graph, Value output) {
  Program program;
  program.graph = graph;
  program.outputs = {output};
  return program;
}

}  // namespace

TEST("specialize resolves the batch and turns shape-only inputs into constants of the graph") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value loss = emit.op("mean", {emit.op("square", {x})});
  Value grad = gradients(graph, loss, {x})[0];
  Program concrete = specialize(program_of(graph, grad), kPair);
  CHECK((concrete.graph.type(concrete.outputs[0]).shape == Shape{2, 3}));
  CHECK(count(concrete, "expand_like") == 0);
  CHECK(code_of([&] { specialize(program_of(graph, grad), {}); }) == "invalid_feed");
  FeedTypes wrong = {{"x", TensorType{DType::f32, Shape{2, 4}}}};
  CHECK(code_of([&] { specialize(program_of(graph, grad), wrong); }) == "invalid_feed");
  FeedTypes empty = {{"x", TensorType{DType::f32, Shape{0, 3}}}};
  CHECK(code_of([&] { specialize(program_of(graph, grad), empty); }) == "invalid_feed");
}

TEST("prune drops what nothing needs") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  emit.op("exp", {x});
  CHECK(prune(program_of(graph, emit.neg(x))).graph.size() == 2);
}

TEST("fold_constants evaluates what hangs on constants alone") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value c = emit.op("exp", {emit.add(emit.scalar(1, x), emit.scalar(2, x))});
  Program folded = prune(fold_constants(specialize(program_of(graph, emit.mul(x, c)), kPair)));
  CHECK(count(folded, "exp") == 0);
  CHECK(count(folded, "constant") == 1);
}

TEST("eliminate_common merges equal nodes and nothing else") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value same = emit.add(emit.op("exp", {x}), emit.op("exp", {x}));
  Value different = emit.add(emit.op("leaky_relu", {x}, {{"slope", 0.1}}),
                             emit.op("leaky_relu", {x}, {{"slope", 0.2}}));
  Program merged =
      eliminate_common(specialize(program_of(graph, emit.add(same, different)), kPair));
  CHECK(count(merged, "exp") == 1);
  CHECK(count(merged, "leaky_relu") == 2);
}

TEST("simplify removes neutral arithmetic and idle shape changes") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value y = emit.add(emit.mul(x, 1), 0);
  Value z = emit.op("reshape", {emit.op("reshape", {y}, {{"shape", std::vector<int64_t>{-1}}})},
                    {{"shape", std::vector<int64_t>{-1, 3}}});
  Value t = emit.op("transpose",
                    {emit.op("transpose", {z}, {{"permutation", std::vector<int64_t>{1, 0}}})},
                    {{"permutation", std::vector<int64_t>{1, 0}}});
  Program simple = prune(simplify(specialize(program_of(graph, t), kPair)));
  CHECK(simple.graph.size() == 1);
  // 0 * x is kept: x may be infinite.
  Program zero = prune(simplify(specialize(program_of(graph, emit.mul(x, 0)), kPair)));
  CHECK(count(zero, "mul") == 1);
}

TEST("the count that a mean divides by becomes a constant") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value grad = gradients(graph, emit.op("mean", {emit.op("square", {x})}), {x})[0];
  Program done = optimize(program_of(graph, grad), kPair);
  CHECK(count(done, "sum") == 0);
  CHECK(count(done, "fused") == 1);
}

TEST("join_epilogues gives bias and relu to the product, and only when nobody else looks") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value w = placeholder(graph, "w", {3, 4});
  Value b = placeholder(graph, "b", {4});
  FeedTypes types = kPair;
  types["w"] = TensorType{DType::f32, Shape{3, 4}};
  types["b"] = TensorType{DType::f32, Shape{4}};
  Value product = emit.op("matmul", {x, w});
  Value relu = emit.op("relu", {emit.add(product, b)});
  Program joined = prune(join_epilogues(specialize(program_of(graph, relu), types)));
  CHECK(count(joined, "dense") == 1);
  CHECK(count(joined, "relu") == 0);
  Program seen;
  seen.graph = graph;
  seen.outputs = {relu, product};
  CHECK(count(prune(join_epilogues(specialize(seen, types))), "matmul") == 1);
}

TEST("fuse_elementwise leaves one program for a chain and keeps what has two readers") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value chain = emit.op("tanh", {emit.add(emit.op("exp", {x}), emit.op("square", {x}))});
  Program fused = fuse_elementwise(specialize(program_of(graph, chain), kPair));
  CHECK(count(fused, "fused") == 1);
  Value shared = emit.op("exp", {x});
  Value wide = emit.op("sum", {shared}, {{"axes", std::vector<int64_t>{0}}, {"keepDims", true}});
  Program two = fuse_elementwise(specialize(program_of(graph, emit.mul(shared, wide)), kPair));
  CHECK(count(two, "fused") == 2);
}

TEST("what others read later becomes one more result of the program that has it") {
  // Adam by hand: the moment is assigned and goes into the weight, both from one pass.
  Graph graph;
  Emit emit(graph);
  Value g = placeholder(graph, "g", {64});
  auto variable = [&](const char* name) {
    Attributes attributes = {{"dtype", std::string("f32")}, {"shape", std::vector<int64_t>{64}}};
    return Value{graph.add("variable", {}, std::move(attributes), name), 0};
  };
  Value w = variable("w");
  Value m = variable("m");
  Value moment = emit.add(emit.mul(m, 0.9), emit.mul(g, 0.1));
  int keep = graph.add("assign", {m, moment});
  Value moved = emit.sub(w, emit.mul(moment, 0.5));
  int move = graph.add("assign", {w, moved});
  Program program;
  program.graph = graph;
  program.outputs = {moment};
  program.effects = {keep, move};
  FeedTypes types = {{"g", TensorType{DType::f32, Shape{64}}}};
  Program done = optimize(program, types);
  CHECK(count(done, "fused") == 1);
  CHECK(done.graph.node(done.outputs[0]).outputs.size() == 2);
  Session session(1);
  Tensor slope = random_tensor(types["g"], 4);
  auto cached = session.plan_for(session.prepare(graph, {moment}, {keep, move}), types);
  const void* feed = slope.data();
  for (int step = 0; step < 2; ++step) cached->plan->run({&feed, 1}, 0);
  for (int i = 0; i < 64; ++i) {
    double wanted = slope.as<float>()[i];
    CHECK(std::fabs(session.variables.at("m").storage.as<float>()[i] - 0.19 * wanted) < 1e-6);
    CHECK(std::fabs(session.variables.at("w").storage.as<float>()[i] + 0.145 * wanted) < 1e-6);
  }
}

TEST("a value that something in between needs stays a program of its own") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value y = emit.op("exp", {x});
  Value norm = emit.sum(y, {1}, true);
  Program program = program_of(graph, emit.div(y, norm));
  program.outputs.push_back(y);
  CHECK(count(fuse_elementwise(specialize(program, kPair)), "fused") == 2);
}

TEST("simplify shortens chains of scalars and signs") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value y = placeholder(graph, "y", {-1, 3});
  FeedTypes types = kPair;
  types["y"] = types["x"];
  auto simple = [&](Value value) {
    Program current = specialize(program_of(graph, value), types);
    for (int i = 0; i < 3; ++i) current = fold_constants(simplify(current));
    return prune(current);
  };
  auto nodes = [&](Value value) { return simple(value).graph.size(); };
  CHECK(nodes(emit.neg(emit.neg(x))) == 1);
  CHECK(count(simple(emit.mul(emit.mul(x, 2), 3)), "mul") == 1);
  CHECK(count(simple(emit.add(emit.add(x, 2), 3)), "add") == 1);
  CHECK(count(simple(emit.add(x, emit.neg(y))), "sub") == 1);
  CHECK(count(simple(emit.mul(emit.neg(x), 3)), "neg") == 0);
  CHECK(nodes(emit.op("log", {emit.op("exp", {x})})) == 1);
  CHECK(nodes(emit.op("abs", {emit.neg(x)})) == 2);
  CHECK(nodes(emit.op("relu", {emit.op("relu", {x})})) == 2);
  CHECK(nodes(emit.op("maximum", {x, x})) == 1);
  // What would hide an infinity or a NaN stays.
  CHECK(count(simple(emit.sub(x, x)), "sub") == 1);
  CHECK(count(simple(emit.op("exp", {emit.op("log", {x})})), "log") == 1);
  CHECK(count(simple(emit.mul(emit.mul(x, 1e-30), 1e-30)), "mul") == 2);
}

TEST("simplify knows sums of what was repeated, and turns of what is multiplied") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value row = emit.sum(x, {0}, true);
  Value wide = emit.op("expand", {row}, {{"shape", std::vector<int64_t>{5, 3}}});
  for (bool keep : {false, true}) {
    Value total = emit.sum(wide, {0}, keep);
    Program done = prune(simplify(specialize(program_of(graph, total), kPair)));
    CHECK(count(done, "sum") == 1);
    CHECK(count(done, "expand") == 0);
    Feeds feeds = {{"x", random_tensor(kPair.at("x"), 6)}};
    CHECK(largest_difference(evaluate_backend(graph, {total}, feeds)[0],
                             evaluate_reference(graph, {total}, feeds)[0]) < 1e-5);
  }
  Value turned = emit.op("transpose", {x}, {{"permutation", std::vector<int64_t>{1, 0}}});
  Program product =
      prune(simplify(specialize(program_of(graph, emit.op("matmul", {turned, x})), kPair)));
  CHECK(count(product, "transpose") == 0);
  CHECK(product.graph.node(product.outputs[0]).flag("transposeA"));
}

TEST("numbers that were only repeated are folded without repeating them") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value wide = emit.op("expand", {emit.scalar(2, x)}, {{"shape", std::vector<int64_t>{1000, 3}}});
  Program folded = prune(fold_constants(
      specialize(program_of(graph, emit.op("exp", {emit.mul(wide, 0.5)})), kPair)));
  CHECK(count(folded, "exp") == 0);
  CHECK(folded.graph.node(folded.outputs[0]).is("expand"));
  double value = *constant_scalar(folded.graph, folded.graph.node(folded.outputs[0]).inputs[0]);
  CHECK(std::fabs(value - std::exp(1.0)) < 1e-6);
}

TEST("long chains are cut, and still compute the same") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value y = x;
  for (int i = 0; i < 200; ++i) y = emit.add(emit.mul(y, 0.99), emit.mul(x, 0.001 * i));
  Feeds feeds = {{"x", random_tensor(TensorType{DType::f32, Shape{2, 3}}, 5)}};
  double off = largest_difference(evaluate_backend(graph, {y}, feeds)[0],
                                  evaluate_reference(graph, {y}, feeds)[0]);
  CHECK(off < 1e-4);
}

TEST("the verifier refuses an illegal graph") {
  Program program;
  placeholder(program.graph, "x", {2});
  program.outputs = {Value{3, 0}};
  CHECK(code_of([&] { verify(program, "test"); }) == "internal");
}

TEST("buffers that live together never overlap, and others share") {
  PhiloxStream random(9, 0);
  for (int round = 0; round < 50; ++round) {
    std::vector<Lifetime> lifetimes;
    size_t sum = 0;
    for (int i = 0; i < 40; ++i) {
      int first = static_cast<int>(random.below(30));
      lifetimes.push_back({random.below(5000), first, first + static_cast<int>(random.below(8))});
      sum += lifetimes.back().bytes;
    }
    Placement placement = place_buffers(lifetimes);
    CHECK(placement.total < sum);
    for (size_t a = 0; a < lifetimes.size(); ++a) {
      for (size_t b = a + 1; b < lifetimes.size(); ++b) {
        bool together =
            lifetimes[a].last >= lifetimes[b].first && lifetimes[b].last >= lifetimes[a].first;
        if (!together || lifetimes[a].bytes == 0 || lifetimes[b].bytes == 0) continue;
        bool apart = placement.offsets[a] + lifetimes[a].bytes <= placement.offsets[b] ||
                     placement.offsets[b] + lifetimes[b].bytes <= placement.offsets[a];
        CHECK_MESSAGE(apart, "buffers overlap (seed 9, round " + std::to_string(round) + ")");
      }
    }
  }
}

TEST("user mistakes are errors with a code") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 3});
  Value i = placeholder(graph, "i", {-1}, DType::i32);
  CHECK(code_of([&] { emit.op("nonsense", {x}); }) == "unknown_op");
  CHECK(code_of([&] { emit.op("fused", {x}); }) == "unknown_op");
  CHECK(code_of([&] { emit.op("exp", {x, x}); }) == "invalid_graph");
  CHECK(code_of([&] { emit.op("exp", {Value{99, 0}}); }) == "invalid_graph");
  CHECK(code_of([&] { emit.op("exp", {i}); }) == "dtype_mismatch");
  CHECK(code_of([&] { emit.op("clamp", {x}); }) == "invalid_attribute");
  CHECK(code_of([&] { emit.op("exp", {x}, {{"base", 2.0}}); }) == "invalid_attribute");
  CHECK(code_of([&] { emit.op("matmul", {x, x}); }) == "shape_mismatch");
  CHECK(code_of([&] { placeholder(graph, "x", {3}); }) == "invalid_graph");
  CHECK(code_of([&] { placeholder(graph, "huge", {1 << 30, 1 << 30}); }) == "limit");
  CHECK(code_of([&] { gradients(graph, x, {x}); }) == "shape_mismatch");
  Value picked = emit.op("sum", {emit.op("max_pool2d", {placeholder(graph, "p", {1, 4, 4, 1})},
                                         {{"size", std::vector<int64_t>{2, 2}}})});
  Value p{graph.find("p"), 0};
  Value slope = emit.op("sum", {emit.op("square", {gradients(graph, picked, {p})[0]})});
  CHECK(code_of([&] { gradients(graph, slope, {p}); }) == "no_gradient");
  CHECK(code_of([&] { emit.op("avg_pool2d", {p}, {{"size", std::vector<int64_t>{0, 2}}}); }) ==
        "invalid_attribute");
}

}  // namespace vanda::testing
