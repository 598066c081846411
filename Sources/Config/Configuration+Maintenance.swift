extension Configuration {
  /// For how long the rows of each table are kept, and how often the table `devices` is written
  /// anew (`tables`).
  package struct Tables: Hashable, Sendable {
    /// By the name under `tables`: all that stand in `TableKey`, and the `readings_<source>` that
    /// the file names.
    let keeps: [String: Keep]
    /// At most so often the table `devices` is brought up to date, microseconds; nil: never.
    package let devicesEveryMicros: Int64?

    /// For how long rows are kept after the end of their date.
    package enum Keep: Hashable, Sendable {
      case forever
      case micros(Int64)
    }

    /// Every rule, by table name; `readings` stands for the tables of all sources that have none of
    /// their own. Nil is for ever.
    package var rules: [(table: String, keepMicros: Int64?)] {
      let names = keeps.keys.sorted() + ["dead_letter_replays"]
      return names.map { name in
        if name == TableKey.readings.rawValue, case .micros(let micros)? = keeps[name] {
          return (name, micros)
        }
        return (name, keepMicros(ofTable: name))
      }
    }

    /// For how long whole dates of a table are kept after their end, microseconds; nil: for ever.
    ///
    /// The readings of a source follow `readings` unless they have a rule of their own, and the
    /// marks of replayed letters follow `dead_letters`: without them letters would come back twice.
    /// What is not known here (`devices`, tables of others) is kept.
    package func keepMicros(ofTable name: String) -> Int64? {
      let rule =
        switch name {
        case "dead_letter_replays": keeps[TableKey.deadLetters.rawValue]
        case _ where name.hasPrefix(TableKey.readingsPrefix):
          keeps[name] ?? keeps[TableKey.readings.rawValue]
        case TableKey.readings.rawValue: Keep?.none
        default: keeps[name]
        }
      guard case .micros(let micros)? = rule else { return nil }
      return micros
    }
  }

  /// What is done to keep the tables good to live with (`maintenance`).
  package struct Maintenance: Hashable, Sendable {
    /// Whether anything of it is done by the service.
    package let isEnabled: Bool
    /// Whether small files of dates that are over are merged into large ones.
    package let compacts: Bool
    /// The size of a merged file, bytes.
    package let fileByteCount: Int64
    /// For how long nothing must have come to a date before its files are merged, microseconds.
    package let settleMicros: Int64
    /// Bytes a second that merging reads and writes at most; nil: as fast as it goes.
    package let rateByteCount: Int64?
    /// After so many versions of a table's log a log checkpoint is written.
    package let logCheckpointVersionCount: Int
    /// For how long versions behind a log checkpoint stay, microseconds.
    package let logKeepMicros: Int64
    /// For how long files that a table no longer has stay on disk, microseconds.
    package let deletedFilesKeepMicros: Int64
  }
}

extension Configuration.Tables.Keep {
  /// As the file has it.
  var text: String {
    switch self {
    case .forever: "forever"
    case .micros(let micros): DurationText.text(micros: micros)
    }
  }
}

extension Configuration.Maintenance {
  /// Every key with its value, as the file has them.
  var values: [(key: String, value: String)] {
    MaintenanceKey.allCases.map { ($0.rawValue, text(of: $0)) }
  }

  private func text(of key: MaintenanceKey) -> String {
    switch key {
    case .enabled: "\(isEnabled)"
    case .compact: "\(compacts)"
    case .fileSize: ByteCountText.text(byteCount: fileByteCount)
    case .settle: DurationText.text(micros: settleMicros)
    case .rate: rateByteCount.map { RateText.text(byteCount: $0) } ?? "none"
    case .logCheckpoint: "\(logCheckpointVersionCount)"
    case .logKeep: DurationText.text(micros: logKeepMicros)
    case .deletedFilesKeep: DurationText.text(micros: deletedFilesKeepMicros)
    }
  }
}

extension Default {
  /// What Spark's and Delta's own documents aim at lies between 128 MB and 1 GB: one such file is
  /// read by a thread in about a second.
  static let compactedFileByteCount: Int64 = 256 << 20
  static let settle: Int64 = 1 * hours
  /// A share of a plain disk that leaves room for commits and queries.
  static let maintenanceRate: Int64 = 64 << 20
  static let logCheckpointVersionCount = 100
  static let logKeep: Int64 = 7 * days
  /// Delta's own default of `delta.deletedFileRetentionDuration`.
  static let deletedFilesKeep: Int64 = 7 * days
  static let devicesEvery: Int64 = 5 * minutes
  static let budgetWarningShare = 0.8
}

extension Allowed {
  static let keep: ClosedRange<Int64> = Default.hours...36_500 * Default.days
  static let devicesEvery: ClosedRange<Int64> = Default.seconds...Default.days
  static let compactedFileByteCount: ClosedRange<Int64> = 1 << 20...4 << 30
  static let settle: ClosedRange<Int64> = 0...30 * Default.days
  static let maintenanceRate: ClosedRange<Int64> = 1 << 20...1 << 40
  static let logCheckpointVersionCount = 2...100_000
  /// Who reads a table by its versions (a stream of another engine, our own alerts) must find
  /// those that came since it last looked.
  static let logKeep: ClosedRange<Int64> = Default.hours...400 * Default.days
  /// A query that began before a file was removed from its table must be able to end.
  static let deletedFilesKeep: ClosedRange<Int64> = Default.hours...400 * Default.days
  static let budget: ClosedRange<Int64> = 1_000_000...1 << 60
}
