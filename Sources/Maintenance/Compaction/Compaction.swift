import Base
package import DeltaLog
import Ledger
import Logging
import Parquet
import Storage
import TableReading

/// Merges groups of files, one commit each: read, write, sync, commit; then the next.
///
/// A group whose files are not what they were when its commit is put is given up, and what was
/// written for it is deleted: the next pass plans anew. An attempt that dies leaves a file that the
/// table's log proves an orphan (`MaintenanceFileName`).
package struct Compaction {
  /// What became of a group.
  package enum Outcome: Sendable, Equatable {
    case merged(Merge)
    /// Given up, with the reason: nothing is wrong.
    case conflict(String)
    /// A file that cannot be merged, and why; it is left alone from now on.
    case unfit(path: String, reason: String)
  }

  /// A group that was merged.
  package struct Merge: Sendable, Equatable {
    package let version: Int64
    package let path: String
    package let inputCount: Int
    package let inputByteCount: Int64
    package let outputByteCount: Int64
    package let copiedByteCount: Int64
    package let rowCount: Int
  }

  private let pass: MaintenancePass
  private let layout: TableLayout
  /// Of files made in this pass.
  private var number = 0

  /// Nil for a table whose files cannot be merged (`TableLayout`).
  package init?(_ table: MaintainedTable, in pass: MaintenancePass) {
    guard let layout = TableLayout(metaData: table.snapshot.metaData) else { return nil }
    self.pass = pass
    self.layout = layout
  }

  // MARK: - What there is to do

  /// The live files as the planner sees them, and as the log has them.
  package static func candidates(
    _ table: MaintainedTable, pipeline: String
  ) -> (files: [LiveFile], candidates: [CompactionCandidate]) {
    var files: [LiveFile] = []
    var candidates: [CompactionCandidate] = []
    for file in table.snapshot.files {
      guard let day = file.partitionValues[TableLayout.partitionColumn].flatMap(DateText.day)
      else { continue }
      let name = StoragePath.name(of: file.path)
      let isMerged = OwnName.maintained(name, pipeline: pipeline) != nil
      // Files of other engines are left as they are: they may have columns, encodings or an order
      // of their own, and who wrote them may merge them too.
      let isOurs = isMerged || OwnName.data(name, pipeline: pipeline) != nil
      candidates.append(
        CompactionCandidate(
          index: files.count, day: day, byteCount: file.byteCount, rowCount: file.rowCount,
          modifiedMillis: file.modificationTimeMillis, isMerged: isMerged,
          isOurs: isOurs && file.isInTable && !table.leftAlone.contains(file.path)))
      files.append(file)
    }
    return (files, candidates)
  }

  // MARK: - One group

  /// Merges files of one date and commits.
  /// - Parameter files: live in the table's snapshot, in the order in which they came.
  package mutating func merge(
    _ files: [LiveFile], of table: inout MaintainedTable
  ) throws(MaintenanceFault) -> Outcome {
    let base = table.snapshot.version
    let merged: MergedFile
    do throws(MaintenanceFault) {
      merged = try write(files, of: table, base: base)
    } catch {
      switch error {
      case .unfit(let path, let reason): return .unfit(path: path, reason: reason)
      case .storage(let storage) where storage.kind == .notFound:
        return try vanished(storage, files, &table)
      default: throw error
      }
    }
    CrashPoint.reached(.maintenanceFilesClosed)
    return try commit(merged, files, &table, base: base)
  }

  private mutating func write(
    _ files: [LiveFile], of table: MaintainedTable, base: Int64
  ) throws(MaintenanceFault) -> MergedFile {
    var inputs: [MergeInput] = []
    var rowCount: Int64 = 0
    for file in files {
      let checksum = table.snapshot.tags(of: file).first { $0.key == AddFile.checksumTag }?.value
      let input = try MergeInput(
        "\(table.folder)/\(file.path)", checksum: checksum.flatMap { UInt64($0, radix: 16) },
        layout: layout, in: pass)
      if let expected = file.rowCount, expected != Int64(input.rowCount) {
        throw .unfit(
          path: input.path,
          reason: "it has \(input.rowCount) rows, and the table's log says \(expected)")
      }
      rowCount += Int64(input.rowCount)
      inputs.append(input)
    }
    var merge = try RowMerge(inputs, layout: layout, pace: pass.pace)
    let name = MaintenanceFileName(
      pipeline: pass.pipeline, baseVersion: base, attempt: pass.attemptID, number: number)
    number += 1
    let folder = "\(table.folder)/\(StoragePath.folder(of: files[0].path))"
    let merged = try merge.write("\(folder)/\(name)", in: pass.storage, options: pass.parquet)
    guard Int64(merged.summary.rowCount) == rowCount else {
      remove(merged.path)
      throw .mismatch(
        table: table.name,
        detail: "\(rowCount) rows were merged to \(merged.summary.rowCount)")
    }
    do { try pass.storage.syncFolder(folder) } catch { throw .storage(error) }
    return merged
  }

  private func commit(
    _ merged: MergedFile, _ files: [LiveFile], _ table: inout MaintainedTable, base: Int64
  ) throws(MaintenanceFault) -> Outcome {
    let now = pass.wallMillis
    let add = AddFile(
      path: String(merged.path.dropFirst(table.folder.utf8.count + 1)),
      partitionValues: files[0].partitionValues.values.map { ($0.column, $0.text) },
      byteCount: merged.byteCount, modificationTimeMillis: now,
      statistics: FileStatistics(merged.summary, types: layout.columns.map(\.type)),
      checksum: merged.checksum, changesRows: false)
    let inputByteCount = files.reduce(0) { $0 + $1.byteCount }
    let date = files[0].partitionValues[TableLayout.partitionColumn] ?? ""
    let commit = MaintenanceCommit(
      operation: "OPTIMIZE",
      parameters: [("predicate", .string("[\"(event_date = '\(date)')\"]")), ("auto", true)],
      metrics: [
        ("numAddedFiles", "1"), ("numRemovedFiles", .string("\(files.count)")),
        ("numAddedBytes", .string("\(merged.byteCount)")),
        ("numRemovedBytes", .string("\(inputByteCount)")),
      ],
      atMillis: now, basedOn: base,
      actions: files.map { $0.removal(atMillis: now, changesRows: false) } + [add.action])
    // After an error it is not known whether it was put: the file stays until the log says.
    switch try table.commit(commit) {
    case .committed(let version):
      return .merged(
        Merge(
          version: version, path: merged.path, inputCount: files.count,
          inputByteCount: inputByteCount, outputByteCount: merged.byteCount,
          copiedByteCount: merged.copiedByteCount, rowCount: merged.summary.rowCount))
    case .conflict(let reason):
      remove(merged.path)
      return .conflict("\(reason)")
    }
  }

  /// A file was gone when it was to be read: deleted behind a commit that took it out of the table,
  /// which is a conflict, or lost, which is a fault.
  private func vanished(
    _ error: StorageError, _ files: [LiveFile], _ table: inout MaintainedTable
  ) throws(MaintenanceFault) -> Outcome {
    try table.follow()
    let isGone = files.contains { table.snapshot.file(at: $0.path) == nil }
    if isGone { return .conflict("\(error.path) was deleted in the meantime") }
    return .unfit(path: error.path, reason: "it is in the table's log and not on the disk")
  }

  /// Deletes a file that no commit names or will name. One that stays is an orphan like another.
  private func remove(_ path: String) {
    do throws(StorageError) {
      try pass.storage.delete(path)
    } catch {
      pass.log.notice("a file that is not needed stays for now: \(error)")
    }
  }
}
