import Base
import Ledger
import Storage

/// A look at the state snapshots of a root: the chain names two of each partition at most, and what
/// it does not name, and cannot name any more, may go (`OrphanProof`).
package struct StateSweep: Sendable {
  package static let folder = "_state"

  /// Those that are old enough, in byte order of their paths.
  package private(set) var orphans: [OrphanSweep.Orphan] = []
  package private(set) var undecidedCount = 0
  package private(set) var foreignCount = 0

  /// Looks, and decides: the names first, then the chain.
  package init(_ pass: MaintenancePass) throws(MaintenanceFault) {
    let names: [String]
    do throws(StorageError) { names = try pass.storage.list(Self.folder) } catch {
      throw .storage(error)
    }
    if !names.isEmpty { try decide(names, pass) }
  }

  private mutating func decide(
    _ names: [String], _ pass: MaintenancePass
  ) throws(MaintenanceFault) {
    let chain = try ChainLook(pass)
    let named = chain.named
    for name in names where !named.contains("\(Self.folder)/\(name)") {
      let path = "\(Self.folder)/\(name)"
      guard let state = OwnName.state(name, pipeline: pass.pipeline) else {
        foreignCount += 1
        continue
      }
      guard chain.proof.holds(for: state) else {
        undecidedCount += 1
        continue
      }
      do throws(StorageError) {
        if try pass.storage.ageSeconds(path) < pass.options.orphanAgeSeconds {
          undecidedCount += 1
          continue
        }
        orphans.append(
          OrphanSweep.Orphan(
            path: path, byteCount: try pass.storage.size(path),
            reason: "a snapshot that no entry names, of a partition that has moved on"))
      } catch {
        if error.kind != .notFound { throw .storage(error) }
      }
    }
  }
}
