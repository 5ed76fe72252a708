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

int64_t rows_of(const Napi::Object& source, const std::string& name) {
  int64_t rows = integer_of(source.Get("rows"), "rows");
  if (rows < 0) throw Error("invalid_attribute", name, "rows may not be negative");
  return rows;
}

// {flip?, crop?, rotate?, brightness?, contrast?}
std::optional<Augment> augment_of(const Napi::Value& value, const std::string& name) {
  if (value.IsUndefined() || value.IsNull()) return std::nullopt;
  if (!value.IsObject()) throw Error("invalid_attribute", name, "augment must be an object");
  Augment augment;
  for (const auto& [key, setting] : attributes_of(value)) {
    double* number = key == "crop"         ? &augment.crop
                     : key == "rotate"     ? &augment.rotate
                     : key == "brightness" ? &augment.brightness
                     : key == "contrast"   ? &augment.contrast
                                           : nullptr;
    const double* given = std::get_if<double>(&setting);
    const bool* flag = std::get_if<bool>(&setting);
    if (number != nullptr && given != nullptr) {
      *number = *given;
    } else if (key == "flip" && flag != nullptr) {
      augment.flip = *flag;
    } else {
      throw Error("invalid_attribute", name,
                  "augment takes flip (true or false), crop, rotate, brightness and contrast "
                  "(numbers), not this '" + key + "'");
    }
  }
  return augment;
}

}  // namespace

void PipelineWrap::define(Napi::Env env, Napi::Object exports) {
  exports.Set("Pipeline", DefineClass(env, "Pipeline",
                                      {InstanceMethod<&PipelineWrap::row_count>("rowCount"),
                                       InstanceMethod<&PipelineWrap::batches>("batchesPerEpoch"),
                                       InstanceMethod<&PipelineWrap::take>("take"),
                                       InstanceMethod<&PipelineWrap::put>("put"),
                                       InstanceMethod<&PipelineWrap::fail>("fail"),
                                       InstanceMethod<&PipelineWrap::on_room>("onRoom")}));
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
    if (!source.Get("columns").IsArray())
      throw Error("invalid_attribute", "pipeline", "columns must be a list");
    Napi::Array columns = source.Get("columns").As<Napi::Array>();
    for (uint32_t i = 0; i < columns.Length(); ++i) {
      if (!columns.Get(i).IsObject())
        throw Error("invalid_attribute", "pipeline", "a column must be an object");
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
      column.augment = augment_of(entry.Get("augment"), column.name);
      if (entry.Has("file") && !entry.Get("file").IsUndefined()) {
        open_file(column, entry);
      } else if (entry.Has("bytesMax")) {
        column.rows = rows_of(entry, column.name);
        int64_t bytes = integer_of(entry.Get("bytesMax"), "bytesMax");
        if (bytes < 1 || bytes > (int64_t{1} << 36)) {
          throw Error("invalid_attribute", column.name, "bytesMax must be 1 byte to 64 GiB");
        }
        int64_t batch = std::min(column.rows, integer_of(source.Get("batchSize"), "batchSize"));
        column.ring = std::make_shared<PictureRing>(
            column.name, row_bytes(column), static_cast<size_t>(bytes),
            static_cast<size_t>(std::max<int64_t>(1, batch)));
      } else {
        column.rows = rows_of(entry, column.name);
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
    options.threads =
        static_cast<int>(std::clamp<int64_t>(integer_of(source.Get("threads"), "threads"), 0, 65));
    int64_t ahead = integer_of(source.Get("prefetchBytes"), "prefetchBytes");
    if (ahead < 0) throw Error("invalid_attribute", "prefetchBytes", "may not be negative");
    options.prefetch_bytes = static_cast<size_t>(ahead);
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

const Column& PipelineWrap::ring_column(const Napi::Value& name) const {
  std::string wanted = text_of(name, "column");
  for (const Column& column : pipeline->options().columns) {
    if (column.name == wanted && column.ring) return column;
  }
  throw Error("unknown_name", wanted, "there is no column of that name whose rows are decoded");
}

// take(column, most) -> flat [run, sequence, item, ...]
Napi::Value PipelineWrap::take(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    int64_t most = std::clamp<int64_t>(integer_of(info[1], "most"), 0, 1 << 16);
    std::vector<PictureRing::Ticket> tickets =
        ring_column(info[0]).ring->take(static_cast<size_t>(most));
    Napi::Array out = Napi::Array::New(info.Env(), tickets.size() * 3);
    uint32_t at = 0;
    for (const PictureRing::Ticket& ticket : tickets) {
      for (uint64_t number : {ticket.run, ticket.sequence, uint64_t{ticket.item}}) {
        out.Set(at++, Napi::Number::New(info.Env(), static_cast<double>(number)));
      }
    }
    return out;
  });
}

// put(column, run, sequence, data) -> whether it is still wanted
Napi::Value PipelineWrap::put(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Column& column = ring_column(info[0]);
    const void* data = bytes_of(info[3], TensorType{column.dtype, column.row}, column.name);
    bool wanted = column.ring->put(static_cast<uint64_t>(integer_of(info[1], "run")),
                                   static_cast<uint64_t>(integer_of(info[2], "sequence")), data);
    return Napi::Boolean::New(info.Env(), wanted);
  });
}

// fail(column, run, code, op, detail): the reader throws this
Napi::Value PipelineWrap::fail(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Error error(text_of(info[2], "code"), text_of(info[3], "op"), text_of(info[4], "detail"));
    ring_column(info[0]).ring->fail(static_cast<uint64_t>(integer_of(info[1], "run")),
                                    std::move(error));
    return info.Env().Undefined();
  });
}

// onRoom(column, call): called whenever take() has something again. What the ring holds may outlive
// this object; the function may not, and is let go of on the JavaScript thread.
Napi::Value PipelineWrap::on_room(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Column& column = ring_column(info[0]);
    if (!info[1].IsFunction()) throw Error("invalid_attribute", "onRoom", "takes a function");
    room_calls_.push_back(std::make_shared<Napi::FunctionReference>(
        Napi::Persistent(info[1].As<Napi::Function>())));
    std::weak_ptr<Napi::FunctionReference> call = room_calls_.back();
    MainThread& main = MainThread::of(info.Env());
    column.ring->on_room([&main, call] {
      main.post([call](Napi::Env env) {
        Napi::HandleScope scope(env);
        auto alive = call.lock();
        if (!alive) return;
        try {
          alive->Call({});
        } catch (const Napi::Error& error) {
          napi_fatal_exception(env, error.Value());
        }
      });
    });
    return info.Env().Undefined();
  });
}

}  // namespace vanda::binding
