#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "ops/elementwise.hpp"

namespace vanda::cpu {

namespace {

// Floats of one register: a few registers stay in the first-level cache together.
constexpr int64_t kTile = 512;
// Below this, waking a team costs more than the work.
constexpr int64_t kParallelElements = 65536;

struct Operand {
  int buffer = -1;
  DType dtype = DType::f32;
  bool scalar = false;
  bool direct = false;  // f32 and contiguous: read in place
  bool contiguous = false;
  std::vector<int64_t> dims;     // of the output, collapsed for this operand
  std::vector<int64_t> strides;  // 0 where it is broadcast
};

void load(const KernelTable& k, DType dtype, float* out, const void* base, int64_t at, int64_t n) {
  switch (dtype) {
    case DType::f32:
      k.tile[static_cast<int>(Scalar::identity)](out, static_cast<const float*>(base) + at, nullptr,
                                                 nullptr, nullptr, n);
      break;
    case DType::i32:
      k.load_i32(out, static_cast<const int32_t*>(base) + at, n);
      break;
    case DType::i64:
      k.load_i64(out, static_cast<const int64_t*>(base) + at, n);
      break;
    default:
      k.load_u8(out, static_cast<const uint8_t*>(base) + at, n);
  }
}

// Merges neighbouring dims that an operand walks through in one go.
void collapse(const Shape& input, const Shape& output, Operand& operand) {
  std::vector<int64_t> own = input.strides();
  int offset = output.rank() - input.rank();
  for (int axis = 0; axis < output.rank(); ++axis) {
    int64_t dim = output[axis];
    if (dim == 1) continue;
    int mine = axis - offset;
    int64_t stride = mine >= 0 && input[mine] != 1 ? own[static_cast<size_t>(mine)] : 0;
    if (!operand.dims.empty() && operand.strides.back() == stride * dim) {
      operand.dims.back() *= dim;
      operand.strides.back() = stride;
    } else {
      operand.dims.push_back(dim);
      operand.strides.push_back(stride);
    }
  }
}

// Fills a tile that starts at element `at` of the output from a broadcast operand.
void load_broadcast(const KernelTable& k, const Operand& operand, const void* base, float* out,
                    int64_t at, int64_t n) {
  size_t last = operand.dims.size() - 1;
  int64_t inner = operand.dims[last];
  int64_t done = 0;
  while (done < n) {
    int64_t flat = at + done;
    int64_t column = flat % inner;
    int64_t rest = flat / inner;
    int64_t source = column * operand.strides[last];
    for (size_t axis = last; axis-- > 0;) {
      source += rest % operand.dims[axis] * operand.strides[axis];
      rest /= operand.dims[axis];
    }
    int64_t run = inner - column < n - done ? inner - column : n - done;
    if (operand.strides[last] == 1) {
      load(k, operand.dtype, out + done, base, source, run);
    } else {
      float value;
      load(k, operand.dtype, &value, base, source, 1);
      for (int64_t i = 0; i < run; ++i) out[done + i] = value;
    }
    done += run;
  }
}

struct FusedKernel {
  struct Instruction {
    TileFn function;
    int out, a, b, c;  // registers; -1 where unused
    float parameters[2];
    int result = -1;  // writes this result in place of its register
  };
  struct Result {
    int buffer;
    int from;  // register
    DType dtype;
  };
  std::vector<Operand> operands;
  std::vector<float> constants;
  std::vector<Instruction> code;
  int registers = 0;
  std::vector<Result> results;
  int64_t elements = 0;
  std::vector<float> scratch;  // registers * kTile for each thread
  std::vector<float*> pointers;

  void run(const RunContext& context) {
    const KernelTable& k = kernels();
    int threads = elements >= kParallelElements ? context.threads : 1;
    parallel_for(threads, elements, kTile, [&](int64_t begin, int64_t end, int thread) {
      run_tiles(k, context, begin, end, thread);
    });
  }

  void run_tiles(const KernelTable& k, const RunContext& context, int64_t begin, int64_t end,
                 int thread) {
    float* own =
        scratch.data() + static_cast<size_t>(thread) * static_cast<size_t>(registers) * kTile;
    float** at = pointers.data() + static_cast<size_t>(thread) * static_cast<size_t>(registers);
    for (int r = 0; r < registers; ++r) at[r] = own + r * kTile;
    int64_t widest = end - begin < kTile ? end - begin : kTile;
    auto fill = [&](int r, float value) {
      for (int64_t i = 0; i < widest; ++i) at[r][i] = value;
    };
    int inputs = static_cast<int>(operands.size());
    for (int r = 0; r < inputs; ++r) {
      const Operand& operand = operands[static_cast<size_t>(r)];
      if (!operand.scalar) continue;
      float value;
      load(k, operand.dtype, &value, context.data[operand.buffer], 0, 1);
      fill(r, value);
    }
    for (size_t i = 0; i < constants.size(); ++i) fill(inputs + static_cast<int>(i), constants[i]);
    for (int64_t tile = begin; tile < end; tile += kTile) {
      int64_t n = end - tile < kTile ? end - tile : kTile;
      for (int r = 0; r < inputs; ++r) {
        const Operand& operand = operands[static_cast<size_t>(r)];
        void* base = context.data[operand.buffer];
        if (operand.scalar) continue;
        if (operand.direct)
          at[r] = static_cast<float*>(base) + tile;
        else if (operand.contiguous)
          load(k, operand.dtype, at[r], base, tile, n);
        else
          load_broadcast(k, operand, base, at[r], tile, n);
      }
      for (size_t i = 0; i < code.size(); ++i) {
        const Instruction& step = code[i];
        if (step.result >= 0) {
          int buffer = results[static_cast<size_t>(step.result)].buffer;
          at[step.out] = static_cast<float*>(context.data[buffer]) + tile;
        }
        step.function(at[step.out], at[step.a], step.b < 0 ? nullptr : at[step.b],
                      step.c < 0 ? nullptr : at[step.c], step.parameters, n);
      }
      for (const Result& result : results) {
        if (result.dtype == DType::f32) continue;
        k.store_u8(static_cast<uint8_t*>(context.data[result.buffer]) + tile, at[result.from], n);
      }
    }
  }
};

// Gives each instruction a register; one whose last reader has passed is used again.
void allocate_registers(const FusedProgram& program, FusedKernel& kernel) {
  int fixed = program.inputs + static_cast<int>(program.constants.size());
  std::vector<size_t> last_use(static_cast<size_t>(fixed) + program.code.size(), 0);
  for (size_t i = 0; i < program.code.size(); ++i) {
    for (int source : {program.code[i].a, program.code[i].b, program.code[i].c}) {
      if (source >= 0) last_use[static_cast<size_t>(source)] = i;
    }
  }
  // What is handed out keeps its register: it is the memory of the result itself.
  std::vector<int> result_of(last_use.size(), -1);
  for (size_t k = 0; k < program.results.size(); ++k) {
    size_t at = static_cast<size_t>(program.results[k]);
    if (kernel.results[k].dtype == DType::f32) result_of[at] = static_cast<int>(k);
    last_use[at] = program.code.size();
  }
  std::vector<int> place(last_use.size());
  for (int r = 0; r < fixed; ++r) place[static_cast<size_t>(r)] = r;
  std::vector<int> free;
  kernel.registers = fixed;
  for (size_t i = 0; i < program.code.size(); ++i) {
    const FusedInstruction& step = program.code[i];
    FusedKernel::Instruction out{};
    out.function = kernels().tile[static_cast<int>(step.code)];
    out.a = step.a < 0 ? -1 : place[static_cast<size_t>(step.a)];
    out.b = step.b < 0 ? -1 : place[static_cast<size_t>(step.b)];
    out.c = step.c < 0 ? -1 : place[static_cast<size_t>(step.c)];
    out.parameters[0] = static_cast<float>(step.parameters[0]);
    out.parameters[1] = static_cast<float>(step.parameters[1]);
    out.result = result_of[static_cast<size_t>(fixed) + i];
    // The register of a result points into memory from its first tile on: it is nobody else's.
    if (free.empty() || out.result >= 0) free.push_back(kernel.registers++);
    out.out = free.back();
    free.pop_back();
    place[static_cast<size_t>(fixed) + i] = out.out;
    for (int source : {step.a, step.b, step.c}) {
      if (source >= fixed && last_use[static_cast<size_t>(source)] == i) {
        int done = place[static_cast<size_t>(source)];
        bool listed = false;
        for (int r : free) listed = listed || r == done;
        if (!listed) free.push_back(done);
      }
    }
    kernel.code.push_back(out);
  }
  for (size_t k = 0; k < program.results.size(); ++k) {
    kernel.results[k].from = place[static_cast<size_t>(program.results[k])];
  }
}

// Blocked layouts flow through a program whose inputs are all whole pictures of its own shape or
// scalars: it then runs over the raw memory. Otherwise none, and everything is row-major.
std::optional<Layout> common_layout(Lowering& lowering, const Node& node) {
  const TensorType& out = node.outputs[0];
  if (out.shape.rank() != 4 || out.dtype != DType::f32) return std::nullopt;
  std::optional<Layout> chosen;
  for (Value input : node.inputs) {
    const TensorType& type = lowering.type(input);
    if (type.shape.elements() == 1) continue;
    if (type != out) return std::nullopt;
    if (!chosen && !lowering.is_plain(input)) chosen = lowering.layout_of(input);
  }
  if (!chosen || !layout_is_flat(*chosen, out.shape.elements())) return std::nullopt;
  return chosen;
}

}  // namespace

bool lower_fused(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (!node.is("fused")) return false;
  const TensorType& out = node.outputs[0];
  auto kernel = std::make_shared<FusedKernel>();
  std::optional<Layout> layout = common_layout(lowering, node);
  std::vector<int> reads;
  int in_place = -1;
  for (Value input : node.inputs) {
    const TensorType& type = lowering.type(input);
    Operand operand;
    operand.dtype = type.dtype;
    operand.scalar = type.shape.elements() == 1;
    bool whole = type.shape.elements() == out.shape.elements();
    operand.buffer = layout && whole && !operand.scalar ? lowering.in_layout(input, *layout)
                                                        : lowering.plain(input);
    operand.contiguous = whole;
    operand.direct = whole && type.dtype == DType::f32 && !operand.scalar;
    if (!whole && !operand.scalar) collapse(type.shape, out.shape, operand);
    if (operand.direct && in_place < 0 && out.dtype == DType::f32) in_place = operand.buffer;
    reads.push_back(operand.buffer);
    kernel->operands.push_back(std::move(operand));
  }
  for (double constant : node.program->constants) {
    kernel->constants.push_back(static_cast<float>(constant));
  }
  std::vector<int> writes;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    Value value{id, static_cast<int>(i)};
    writes.push_back(layout ? lowering.define_new(value, *layout) : lowering.define_new(value));
    kernel->results.push_back({writes.back(), -1, node.outputs[i].dtype});
  }
  allocate_registers(*node.program, *kernel);
  kernel->elements = out.shape.elements();
  size_t team = static_cast<size_t>(lowering.threads());
  kernel->scratch.resize(team * static_cast<size_t>(kernel->registers) * kTile);
  kernel->pointers.resize(team * static_cast<size_t>(kernel->registers));
  std::string label = "fused x" + std::to_string(node.program->code.size());
  Step& step = lowering.add(label, reads, writes,
                            [kernel](const RunContext& context) { kernel->run(context); });
  step.in_place = in_place;
  return true;
}

}  // namespace vanda::cpu
