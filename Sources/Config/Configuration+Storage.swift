extension Configuration {
  /// Where the tables go and when.
  package struct Storage: Hashable, Sendable {
    /// Absolute; holds `_ledger`, `_state` and `tables`.
    package let root: String
    package let commit: Commit
    /// How often, at least, state snapshots are written while records come.
    package let stateIntervalMicros: Int64
    package let parquet: Parquet
    /// What all files under the root together may come to, bytes; nil: nobody says.
    package let budgetByteCount: Int64?
    /// From this share of the budget on there is a warning, above 0 to 1.
    package let budgetWarningShare: Double

    /// A commit is cut when either is reached.
    package struct Commit: Hashable, Sendable {
      package let intervalMicros: Int64
      /// Buffered bytes over all lanes.
      package let byteCount: Int64
    }

    /// How the data files are written.
    package struct Parquet: Hashable, Sendable {
      package let compression: Compression
      /// For zstd only, nil for the others.
      package let level: Int?
      /// Rows of a row group at most.
      package let rowGroupRowCount: Int
    }

    /// The codec of the data files.
    package enum Compression: String, ConfigWord {
      case zstd, snappy, lz4, none
    }
  }
}
