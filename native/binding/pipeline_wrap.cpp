#include "binding/convert.hpp"
#include "binding/main_thread.hpp"
#include "binding/wraps.hpp"

namespace vanda::binding {

namespace {

const napi_type_tag kPipelineTag = {0x76616e64615f7069, 0x70656c696e650001};

std::vector<float> floats_of(const Napi::Value& value, const char* what) {
  std::vector<float> out;
  if (value.IsNumber()) out.push_back(static_cast<float>(number_of(value, what)));
  if (!value.IsArray()) return out;
  Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    out.push_back(static_cast<float>(number_of(list.Get(i), what)));
  }
  return out;
}

size_t row_bytes(const Column& column) {
  return static_cast<size_t>(column.row.elements()) * dtype_bytes(column.dtype);
}

void open_file(Column& column, const Napi::Object& source) {
  column.rows = integer_of(source.Get("rows"), "rows");
  int64_t offset =
      source.Get("offset").IsUndefined() ? 0 : integer_of(source.Get("offset"), "offset");
  column.file = std::make_shared<MappedFile>(text_of(source.Get("file"), "file"));
  size_t size = column.file->size();
  size_t bytes = row_bytes(column);
  bool fits = offset >= 0 && column.rows >= 0 && static_cast<size_t>(offset) <= size &&
              (bytes == 0 ||
               static_cast<size_t>(column.rows) <= (size - static_cast<size_t>(offset)) / bytes);
  if (!fits) {
    throw Error("invalid_feed", column.name,
                "the file is too short for " + std::to_string(column.rows) + " rows");
  }
  if (static_cast<size_t>(offset) % dtype_bytes(column.dtype) != 0) {
    throw Error("invalid_attribute", column.name,
                "the offset is not a multiple of the element size");
  }
  column.data = column.file->data() + offset;
}

}  // namespace

void PipelineWrap::define(Napi::Env env, Napi::Object exports) {
  exports.Set("Pipeline", DefineClass(env, "Pipeline",
                                      {InstanceMethod<&PipelineWrap::row_count>("rowCount"),
                                       InstanceMethod<&PipelineWrap::batches>("batchesPerEpoch")}));
}

PipelineWrap& PipelineWrap::from(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kPipelineTag)) {
    throw Error("invalid_graph", "", "a pipeline was expected");
  }
  return *Unwrap(value.As<Napi::Object>());
}

// Pipeline({columns: [{name, dtype, shape, data | file, ...}], rows?, batchSize, shuffle, seed,
// ...})
PipelineWrap::PipelineWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PipelineWrap>(info) {
  info.This().As<Napi::Object>().TypeTag(&kPipelineTag);
  guarded(info.Env(), [&] {
    if (!info[0].IsObject()) throw Error("invalid_attribute", "pipeline", "takes options");
    Napi::Object source = info[0].As<Napi::Object>();
    PipelineOptions options;
    Napi::Array columns = source.Get("columns").As<Napi::Array>();
    for (uint32_t i = 0; i < columns.Length(); ++i) {
      Napi::Object entry = columns.Get(i).As<Napi::Object>();
      Column column;
      column.name = text_of(entry.Get("name"), "name");
      TensorType type = type_of(entry);
      column.dtype = type.dtype;
      column.row = type.shape;
      if (!column.row.is_static())
        throw Error("invalid_attribute", column.name, "has an open shape");
      column.scale = floats_of(entry.Get("scale"), "scale");
      column.shift = floats_of(entry.Get("shift"), "shift");
      if (column.shift.empty()) column.shift.assign(column.scale.size(), 0.0f);
      if (column.shift.size() == 1 && column.scale.size() > 1) {
        column.shift.assign(column.scale.size(), column.shift[0]);
      }
      if (column.scale.size() == 1 && column.shift.size() > 1) {
        column.scale.assign(column.shift.size(), column.scale[0]);
      }
      if (entry.Has("file") && !entry.Get("file").IsUndefined()) {
        open_file(column, entry);
      } else {
        column.rows = integer_of(entry.Get("rows"), "rows");
        if (column.rows < 0)
          throw Error("invalid_attribute", column.name, "rows may not be negative");
        std::vector<int64_t> dims = {column.rows};
        dims.insert(dims.end(), column.row.dims().begin(), column.row.dims().end());
        TensorType whole{column.dtype, Shape(std::move(dims))};
        whole.shape.validate(column.name);
        column.data = static_cast<const char*>(bytes_of(entry.Get("data"), whole, column.name));
        kept_.push_back(Napi::Persistent(entry.Get("data").As<Napi::Object>()));
      }
      options.columns.push_back(std::move(column));
    }
    Napi::Value rows = source.Get("rows");
    if (rows.IsTypedArray()) {
      if (rows.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
        throw Error("invalid_attribute", "rows", "must be a Uint32Array");
      }
      auto list = rows.As<Napi::Uint32Array>();
      options.rows.assign(list.Data(), list.Data() + list.ElementLength());
      options.use_rows = true;
    }
    options.batch_size = integer_of(source.Get("batchSize"), "batchSize");
    options.shuffle = boolean_of(source.Get("shuffle"));
    options.seed = static_cast<uint64_t>(integer_of(source.Get("seed"), "seed"));
    options.drop_remainder = boolean_of(source.Get("dropRemainder"));
    options.prefetch =
        static_cast<int>(std::min<int64_t>(1000, integer_of(source.Get("prefetch"), "prefetch")));
    pipeline = std::make_shared<Pipeline>(std::move(options));
  });
}

Napi::Value PipelineWrap::row_count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(pipeline->row_count()));
}

Napi::Value PipelineWrap::batches(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(pipeline->batches_per_epoch()));
}

}  // namespace vanda::binding
