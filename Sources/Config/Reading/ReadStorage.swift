enum StorageKey: String, ConfigKey {
  case root, commit
  case stateInterval = "state_interval"
  case parquet, budget
  case budgetWarning = "budget_warning"
}

enum CommitKey: String, ConfigKey { case interval, bytes }

enum ParquetKey: String, ConfigKey {
  case compression, level
  case rowGroupRows = "row_group_rows"
}

extension Configuration.Storage {
  /// - Parameter isRootRequired: false where the whole block is missing, which is one fault.
  init(_ section: Section<StorageKey>, isRootRequired: Bool) {
    let format = Format<String>.path(in: section.reading.folder)
    root =
      isRootRequired
      ? section.required(.root, placeholder: "", format) : section.optional(.root, format) ?? ""
    let commit = section.section(.commit, CommitKey.self)
    self.commit = Commit(
      intervalMicros: commit.value(
        .interval, default: Default.commitInterval, .duration(in: Allowed.commitInterval)),
      byteCount: commit.value(
        .bytes, default: Default.commitByteCount, .byteCount(in: Allowed.commitByteCount)))
    stateIntervalMicros = section.value(
      .stateInterval, default: Default.stateInterval, .duration(in: Allowed.stateInterval))
    parquet = Parquet(section.section(.parquet, ParquetKey.self))
    budgetByteCount = section.value(.budget, default: nil, .budget)
    budgetWarningShare = section.value(.budgetWarning, default: Default.budgetWarningShare, .share)
  }
}

extension Configuration.Storage.Parquet {
  init(_ section: Section<ParquetKey>) {
    compression = section.value(.compression, default: .zstd, .word)
    let level = section.optional(.level, .wholeNumber(in: Allowed.zstdLevel))
    if compression == .zstd {
      self.level = level ?? Default.zstdLevel
    } else {
      self.level = nil
      if section.has(.level) {
        section.report(
          .level, atKey: true, "`\(compression.rawValue)` has no levels; only zstd does",
          suggestion: "remove `level`")
      }
    }
    rowGroupRowCount = section.value(
      .rowGroupRows, default: Default.rowGroupRowCount,
      .wholeNumber(in: Allowed.rowGroupRowCount))
  }
}
