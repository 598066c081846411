internal import Base

// What the JSON Schema says about the keys of a source.

extension SourceKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .name: .required(.form(.table), "The table is readings_<name>.")
    case .topics:
      .required(.list(.form(.topic), least: 1), "Kafka's topics; a topic belongs to one source.")
    case .message:
      .required(
        .form(.message), "Full name of the message type, built in or of the descriptor set.")
    case .descriptorSet:
      .optional(
        .form(.path), "From protoc --include_imports --descriptor_set_out=FILE …")
    case .protos:
      .mapping(ProtosKey.self, ".proto files, compiled by protoc when the file is read.")
    case .envelope:
      .words(
        default: Configuration.Source.Envelope.none,
        "What stands around the message in a record's value.")
    case .rows:
      .optional(.form(.fieldPath), "The repeated field whose elements are the readings.")
    case .device:
      .required(
        .form(.deviceField), "Who sent the reading: a field, $key, or $header.NAME.")
    case .time: .required(.mapping(TimeKey.self), "The event time.")
    case .sequence:
      .optional(.form(.fieldPath), "A number that grows with each message of a device.")
    case .attributes:
      .optional(
        .list(.either([.form(.attributeField), .mapping(AttributeKey.self)]), least: 0),
        "Words with few values: region, firmware.")
    case .metrics:
      .optional(
        .either([
          .word(["all"]),
          .list(.either([.form(.fieldPath), .mapping(MetricKey.self)]), least: 1),
        ]), default: "all",
        "all: every numeric field that is not used for something else; or a list.")
    case .metric:
      .mapping(NarrowMetricKey.self, "Narrow style: each row names its metric. Needs rows.")
    case .deduplicate:
      .mapping(DeduplicateKey.self, "Leaves out records that were there before.")
    case .limits:
      .mapping(RecordLimitsKey.self, "What a record, or a partition, may bring.")
    case .eventTime:
      .mapping(EventTimeKey.self, "Overrides single keys of the block event_time.")
    case .deadLetterFlood:
      .optional(
        .either([.mapping(FloodKey.self), .word(["none"])]),
        "When dead letters are a flood, which pauses the source.")
    case .implicitZero:
      .optional(
        .flag, default: false,
        "Whether an absent proto3 number without optional is 0 and not null.")
    }
  }

  static var conditions: [JSONValue] {
    [.excludes(descriptorSet, protos), .excludes(metric, metrics), .needs(metric, rows)]
  }
}

extension ProtosKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .folder: .required(.form(.path), "Imports are looked up from here.")
    case .files:
      .optional(
        .list(.form(.protoFile), least: 1),
        "What to compile, below the folder; all .proto files in it by default.")
    }
  }
}

extension TimeKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .field: .required(.form(.timeField), "A field, $timestamp, or $header.NAME.")
    case .unit:
      .optional(
        .words(Configuration.TimeUnit.self),
        "Of an integer since 1970; left out for google.protobuf.Timestamp and $timestamp.")
    }
  }
}

extension AttributeKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .field: .required(.form(.attributeField), "A field, $key, or $header.NAME.")
    case .name:
      .optional(.form(.column), "The column; by default the path with _ for the dots.")
    case .description: .optional(.form(.text), "What it is: the column's comment.")
    }
  }
}

extension MetricKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .field: .required(.form(.fieldPath), "The field; with key, a map.")
    case .key: .optional(.form(.text), "Of a map: the key whose value is the column.")
    case .name:
      .optional(.form(.column), "The column; by default the path with _ for the dots, and the key.")
    case .unit: .optional(.form(.text), "The unit, for people.")
    case .description: .optional(.form(.text), "What it is: the column's comment.")
    }
  }
}

extension NarrowMetricKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .name: .required(.form(.fieldPath), "The field with the metric's name, below rows.")
    case .value: .required(.form(.fieldPath), "The field with its value, below rows.")
    }
  }
}

extension DeduplicateKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .by:
      .required(
        .words(Configuration.Deduplication.Key.self),
        "What two records have in common: device and sequence, or every byte of key and value.")
    case .within:
      .duration(
        in: Allowed.duplicatesWithin, default: Default.duplicatesWithin,
        "How long a record makes later ones duplicates, in whole milliseconds.")
    case .records:
      .wholeNumber(
        in: Allowed.duplicateRecords, default: Default.duplicateRecords,
        "Records remembered in each partition.")
    }
  }
}

extension RecordLimitsKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .message:
      .byteCount(
        in: Allowed.messageByteCount, default: Default.messageByteCount,
        "Bytes of one message; a larger one is dead.")
    case .depth:
      .wholeNumber(
        in: Allowed.depth, default: Default.depth, "Messages and groups in each other.")
    case .rows:
      .wholeNumber(
        in: Allowed.rowsPerRecord, default: Default.rowsPerRecord, "Rows of one message.")
    case .devices:
      .wholeNumber(
        in: Allowed.devicesPerPartition, default: Default.devicesPerPartition,
        "Devices of one partition.")
    case .metrics:
      .wholeNumber(
        in: Allowed.metricsPerPartition, default: Default.metricsPerPartition,
        "Metric names of one partition of a narrow source.")
    case .attributes:
      .wholeNumber(
        in: Allowed.attributeWordsPerPartition, default: Default.attributeWordsPerPartition,
        "Words of each attribute in one partition.")
    }
  }
}

extension FloodKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .share:
      .optional(
        .form(.share), default: .string(Format.text(ofShare: Default.floodShare)),
        "Share of dead records. 1% to 100%.")
    case .duration:
      .duration(
        in: Allowed.floodFor, default: Default.floodFor,
        "For how long the share must stay that high.")
    case .retry:
      .duration(
        in: Allowed.floodRetry, default: Default.floodRetry,
        "How often a paused source is tried again.")
    }
  }
}
