internal import Base

// What the JSON Schema says about the tables' rules and their maintenance.

extension TableKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .readings: .mapping(TableRuleKey.self, "The readings of every source.")
    case .windows: .mapping(TableRuleKey.self, "Windows, by the date of their start.")
    case .anomalies: .mapping(TableRuleKey.self, "Steps in the lives of anomalies.")
    case .deadLetters:
      .mapping(TableRuleKey.self, "Records that could not be read, and what came of replays.")
    case .gaps: .mapping(TableRuleKey.self, "Stretches of offsets that Kafka no longer had.")
    case .devices: .mapping(DevicesTableKey.self, "One row a device.")
    }
  }

  static var patterns: [SchemaProperty] {
    [
      SchemaProperty(
        name: "^\(readingsPrefix)[a-z0-9_]{1,64}$",
        entry: .mapping(TableRuleKey.self, "The readings of one source."))
    ]
  }
}

extension TableRuleKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .keep:
      .optional(
        .either([.word(["forever"]), .form(.duration)]), default: "forever",
        "Whole dates are removed from the table when they have been over for so long."
          + " \(DurationText.text(micros: Allowed.keep.lowerBound)) to"
          + " \(DurationText.text(micros: Allowed.keep.upperBound)), or forever.")
    }
  }
}

extension DevicesTableKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .every:
      .optional(
        .either([.word(["never"]), .form(.duration)]),
        default: .string(DurationText.text(micros: Default.devicesEvery)),
        "The table is written anew at most so often.")
    }
  }
}

extension MaintenanceKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .enabled:
      .optional(.flag, default: true, "Whether the service maintains its tables by itself.")
    case .compact:
      .optional(.flag, default: true, "Whether small files of past dates are merged.")
    case .fileSize:
      .byteCount(
        in: Allowed.compactedFileByteCount, default: Default.compactedFileByteCount,
        "What merged files come to.")
    case .settle:
      .duration(
        in: Allowed.settle, default: Default.settle,
        "Files of a date are merged when it is over and nothing came to it for so long.")
    case .rate:
      .optional(
        .either([.word(["none"]), .form(.rate)]),
        default: .string(RateText.text(byteCount: Default.maintenanceRate)),
        "Bytes a second that maintenance reads and writes at most; none: no bound.")
    case .logCheckpoint:
      .wholeNumber(
        in: Allowed.logCheckpointVersionCount, default: Default.logCheckpointVersionCount,
        "Versions of a table after which its log gets a checkpoint.")
    case .logKeep:
      .duration(
        in: Allowed.logKeep, default: Default.logKeep,
        "Versions before a log checkpoint stay for so long.")
    case .deletedFilesKeep:
      .duration(
        in: Allowed.deletedFilesKeep, default: Default.deletedFilesKeep,
        "Files that a table no longer has stay on disk for so long.")
    }
  }
}
