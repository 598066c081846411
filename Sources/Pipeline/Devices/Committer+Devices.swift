import Base
import Ledger
import Logging

extension Committer {
  /// Brings the table `devices` up to these rows, which are of partitions as the chain has them
  /// now; called behind the commit that moved them. Rows of partitions that are not ours any more
  /// are dropped, and so is what the table has already.
  ///
  /// What fails but for a sync is a warning, and tried again with the next call.
  func writeDevices(_ rows: [DeviceRows]) throws(CommitFailure) {
    if options.devicesEveryMillis == nil || rows.isEmpty && devices?.isIdle ?? true { return }
    var writer = devices ?? newWriter
    for rows in rows {
      guard let version = bases[rows.key], ledger.state.partitions[rows.key]?.to == rows.cut
      else { continue }
      writer.add(.init(rows: rows, version: version))
    }
    defer { devices = writer }
    do throws(DevicesFault) {
      if try writer.write() { try followDevices() }
      devicesTrouble = nil
    } catch {
      switch error {
      case .syncFailed(let reason): throw .syncFailed(reason)
      case .notWritten(let reason):
        // The same again is no news.
        if devicesTrouble != reason {
          log.warning("table devices is behind, tried again with the next commit: \(reason)")
        }
        devicesTrouble = reason
      }
    }
  }

  private var newWriter: DevicesWriter {
    DevicesWriter(storage: storage, options: options, ledgerID: ledger.state.ledgerID)
  }

  /// Whether the table `devices` lacks what an entry says of one of these partitions, as after a
  /// kill. A table that cannot be read is not waited for: `writeDevices` says why.
  func devicesAreBehind(of keys: [PartitionKey]) -> Bool {
    if options.devicesEveryMillis == nil { return false }
    let known = ledger.state.partitions.filter { keys.contains($0.key) }
    var writer = devices ?? newWriter
    defer { devices = writer }
    return (try? writer.isBehind(known)) ?? false
  }

  /// Keeps the bookmark of its log near the end, so that a restart reads little.
  private func followDevices() throws(DevicesFault) {
    do { try followTable(DevicesTable.name) } catch { throw DevicesFault(error) }
  }
}
