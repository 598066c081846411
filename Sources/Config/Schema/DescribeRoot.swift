internal import Base

// What the JSON Schema says about the keys outside of sources and detectors.

extension RootKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .pipeline:
      .required(.form(.label), "Names the ledger and, by default, the consumer group.")
    case .lanes:
      .optional(
        .either([.word(["auto"]), .wholeNumber(Allowed.lanes)]), default: "auto",
        "Worker threads that drain Kafka. auto: half of the processors.")
    case .kafka: .required(.mapping(KafkaKey.self), "How to reach Kafka and where to start.")
    case .schemaRegistry:
      .mapping(SchemaRegistryKey.self, "The registry that says what schema ids mean.")
    case .sources:
      .required(
        .list(.mapping(SourceKey.self), least: 1),
        "Topics, the message type in them, and how its fields become readings.")
    case .eventTime:
      .mapping(EventTimeKey.self, "How event time is judged; a source may override single keys.")
    case .windows:
      .optional(.list(.mapping(WindowKey.self), least: 0), "Aggregates over windows of event time.")
    case .detectors:
      .optional(.list(.mapping(DetectorKey.self), least: 0), "Rules that find anomalies.")
    case .storage: .required(.mapping(StorageKey.self), "Where the tables go and when.")
    case .tables: .mapping(TableKey.self, "For how long the rows of which tables are kept.")
    case .maintenance:
      .mapping(MaintenanceKey.self, "How tables are kept good to live with.")
    case .memory: .mapping(MemoryKey.self, "Limits of memory.")
    case .http: .mapping(HTTPKey.self, "The endpoint for scrapes, probes and people.")
    case .admin: .mapping(AdminKey.self, "The socket for commands and orders of this machine.")
    case .alerts: .mapping(AlertsKey.self, "Who is told of anomalies.")
    case .log: .mapping(LogKey.self, "What is logged, and in which form.")
    }
  }
}

extension KafkaKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .brokers:
      .required(
        .either([.list(.form(.broker), least: 1), .form(.brokers)]),
        "host:port of some brokers: where to begin looking for the cluster.")
    case .group:
      .optional(
        .form(.topic),
        "The consumer group; instances of one pipeline share it. Default: downlink-<pipeline>.")
    case .start:
      .words(
        default: Configuration.Kafka.Start.earliest,
        "Where a topic begins that the ledger has never seen.")
    case .onPositionLost:
      .words(
        default: Configuration.Kafka.OnPositionLost.stop,
        "What to do where retention has deleted the records after our position.")
    case .properties:
      .optional(
        .freeKeys(except: Configuration.Kafka.reservedProperties.keys.sorted()),
        "librdkafka properties: security.protocol, sasl.*, ssl.*, … Secrets: file:PATH,"
          + " credential:NAME or ${NAME}.")
    }
  }
}

extension SchemaRegistryKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .url: .required(.form(.url), "Confluent's REST API, without user and password.")
    case .user: .optional(.form(.userName), "For HTTP's basic authentication.")
    case .password: .optional(.form(.secret), "The user's password, by reference.")
    case .ca:
      .optional(.form(.path), "A PEM file of certificates that vouch for it; else the system's.")
    case .timeout:
      .duration(
        in: Allowed.registryTimeout, default: Default.registryTimeout,
        "For one request, connecting included.")
    case .cache:
      .optional(.form(.path), "A folder in which answers are kept for starts without the registry.")
    case .subject:
      .optional(
        .form(.subject), default: .string(Default.registrySubject),
        "What a topic's subject is called, with {topic} or {message} in it.")
    }
  }

  static var conditions: [JSONValue] { [.needs(password, user)] }
}

extension EventTimeKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .outOfOrderness:
      .duration(
        in: Allowed.outOfOrderness, default: Default.outOfOrderness,
        "How far readings of one device come out of order.")
    case .allowedLateness:
      .duration(
        in: Allowed.allowedLateness, default: Default.allowedLateness,
        "How long after its end a window still takes late readings.")
    case .maxFutureSkew:
      .duration(
        in: Allowed.maxFutureSkew, default: Default.maxFutureSkew,
        "An event time further ahead of Kafka's is flagged and enters no window.")
    case .plausibleFrom:
      .optional(
        .form(.date), default: .string(DateText.text(micros: Default.plausibleFrom)),
        "An earlier event time is flagged and enters no window. "
          + DateText.text(micros: Allowed.plausibleFrom.lowerBound) + " to "
          + DateText.text(micros: Allowed.plausibleFrom.upperBound) + ".")
    case .deviceIdle:
      .duration(
        in: Allowed.deviceIdle, default: Default.deviceIdle,
        "Without a record for so long a device is idle and its open windows fire.")
    case .partitionIdle:
      .optional(
        .either([.word(["never"]), .form(.duration)]),
        "Nothing comes of a partition for so long by the wall clock: its open windows fire. "
          + "device_idle by default, or 10m where that is longer. "
          + "\(DurationText.text(micros: Allowed.partitionIdle.lowerBound)) to "
          + "\(DurationText.text(micros: Allowed.partitionIdle.upperBound)), and at least "
          + "storage.commit.interval.")
    }
  }
}

extension WindowKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .name: .required(.form(.label), "window_name in the table windows.")
    case .size:
      .duration(
        in: Allowed.windowSize, isRequired: true,
        "Length: a whole multiple of slide, at most \(Allowed.slicesPerWindowMax) of them.")
    case .slide:
      .duration(in: Allowed.windowSlide, "Distance between starts; size by default.")
    case .aggregates:
      .optional(
        .list(.words(Configuration.Aggregate.self), least: 1),
        "The columns that are filled; all by default.")
    case .sources:
      .optional(.list(.form(.glob), least: 1), "Names or globs of sources; all by default.")
    case .metrics:
      .optional(.list(.form(.glob), least: 1), "Names or globs of metrics; all by default.")
    }
  }
}

extension StorageKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .root:
      .required(.form(.path), "The folder of ledger, state and tables. Needs hard links.")
    case .commit: .mapping(CommitKey.self, "A commit is made when either is reached.")
    case .stateInterval:
      .duration(
        in: Allowed.stateInterval, default: Default.stateInterval,
        "How often state snapshots are written; longer means more to read again after a restart.")
    case .parquet: .mapping(ParquetKey.self, "How the data files are written.")
    case .budget:
      .optional(
        .either([.word(["none"]), .form(.size)]), default: "none",
        "What all files below the root may come to; nothing is deleted because of it.")
    case .budgetWarning:
      .optional(
        .form(.share), default: .string(Format.text(ofShare: Default.budgetWarningShare)),
        "From this share of the budget on there is a warning. 1% to 100%.")
    }
  }
}

extension CommitKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .interval:
      .duration(
        in: Allowed.commitInterval, default: Default.commitInterval,
        "Rows become visible this often.")
    case .bytes:
      .byteCount(
        in: Allowed.commitByteCount, default: Default.commitByteCount,
        "Buffered bytes over all lanes; at most half of memory.buffers.")
    }
  }
}

extension ParquetKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .compression:
      .words(default: Configuration.Storage.Compression.zstd, "The codec of the data files.")
    case .level:
      .wholeNumber(in: Allowed.zstdLevel, default: Default.zstdLevel, "For zstd only.")
    case .rowGroupRows:
      .wholeNumber(
        in: Allowed.rowGroupRowCount, default: Default.rowGroupRowCount,
        "Rows of a row group at most.")
    }
  }

  /// Only zstd has levels.
  static var conditions: [JSONValue] {
    let others = Configuration.Storage.Compression.allCases.filter { $0 != .zstd }
    let isOther: JSONValue = .object([
      JSONMember(
        "properties",
        .object([
          JSONMember(
            compression.rawValue, ["enum": .array(others.map { .string($0.rawValue) })])
        ])),
      JSONMember("required", .array([.string(compression.rawValue)])),
    ])
    return [["if": isOther, "then": .excludes(level)]]
  }
}

extension MemoryKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .buffers:
      .byteCount(
        in: Allowed.bufferByteCount, default: Default.bufferByteCount,
        "Bytes that may wait for storage, over all lanes; at least twice storage.commit.bytes.")
    }
  }
}

extension HTTPKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .listen:
      .optional(
        .form(.address), default: .string(Default.listen.description),
        "Serves /metrics, /livez, /readyz, /status and a page. none: no port is opened.")
    case .tls: .mapping(HTTPTLSKey.self, "Serves over TLS 1.2 or newer.")
    case .basicAuth: .mapping(HTTPLoginKey.self, "Who may log in by name and password.")
    case .bearerToken:
      .optional(.form(.secret), "A token that lets in: Authorization: Bearer ….")
    }
  }
}

extension HTTPTLSKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .certificate:
      .required(.form(.path), "A PEM file: the certificate, then those that vouch for it.")
    case .key: .required(.form(.path), "A PEM file with its private key, without a password.")
    case .clientCA:
      .optional(
        .form(.path), "A PEM file of certificates that vouch for clients; others are turned away.")
    }
  }
}

extension HTTPLoginKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .users:
      .required(
        .freeKeys(except: []),
        "User names and bcrypt hashes of their passwords, which downlinkd http-password makes.")
    }
  }
}

extension AdminKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .socket:
      .optional(
        .form(.path), default: "auto",
        "A path, auto (in the folder of the service manager or the session) or none.")
    case .mode:
      .optional(
        .form(.mode), default: "0660",
        "Permission bits of the socket: who may write to it may give orders.")
    }
  }
}

extension LogKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .level:
      .words(default: Configuration.Log.Level.info, "The least severe line that is written.")
    case .format:
      .words(
        default: Configuration.Log.Format.auto,
        "auto: text on a terminal, fields in the journal, JSON elsewhere.")
    }
  }
}
