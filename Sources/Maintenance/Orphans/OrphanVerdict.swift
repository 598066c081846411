import DeltaLog
package import Ledger

/// What is to be said of a data file that lies in a table's folder and that the table's log does
/// not name. Pure.
///
/// The order of looking is part of the proof: the file was seen first, then the chain was read to
/// its end, then the table's log. So whatever named the file before is known, and the verdict is
/// about what may come.
///
/// - Files of **commits** (`-v<base>-`): no entry to come can name one once no open partition
///   stands at its base (`OrphanProof`). Entries up to the chain's end may have named it; the table
///   has taken all of them, and its log names it neither as live nor as removed. Where the table is
///   behind the chain nothing is decided.
/// - Files of **maintenance** (`-m<base>-`): an attempt may become one of the versions base + 1 to
///   base + `DeltaTable.maintenanceReach`, or none. Once the log is there, none.
/// - A removed file whose tombstone a log checkpoint has left out is named by nothing either. Its
///   time was over when that happened; where that cannot be known
///   (`TableSnapshot.remembersTombstones`) nothing is decided.
/// - Other names are others' files: they are counted, and left.
package enum OrphanVerdict: Equatable, Sendable {
  /// It can never be named. The reason is the rest of a sentence about the file.
  case orphan(reason: String)
  /// It may be of a commit under way.
  case undecided
  /// Not a name of ours.
  case foreign

  /// - Parameters:
  ///   - name: the file's, without folders.
  ///   - proof: of the chain as it was read after the file was seen; nil where it was not.
  ///   - isCaughtUp: whether the table has taken everything that the chain then had for it.
  ///   - version: of the table's log, read after that.
  ///   - mayBeTombstone: whether the log may have forgotten that the file was removed of late.
  package init(
    name: String, pipeline: String, proof: OrphanProof?, isCaughtUp: Bool, version: Int64,
    mayBeTombstone: Bool = false
  ) {
    if let file = OwnName.maintained(name, pipeline: pipeline) {
      let isPast = version - DeltaTable.maintenanceReach >= file.baseVersion && !mayBeTombstone
      self =
        isPast
        ? .orphan(
          reason: "made by maintenance on version \(file.baseVersion), and the log is at "
            + "\(version)")
        : .undecided
    } else if let file = OwnName.data(name, pipeline: pipeline) {
      let isProven = isCaughtUp && proof?.holds(forBase: file.baseVersion) == true
        && !mayBeTombstone
      self =
        isProven
        ? .orphan(
          reason: "made by a commit based on entry \(file.baseVersion), where no partition stands "
            + "any more")
        : .undecided
    } else {
      self = .foreign
    }
  }
}
