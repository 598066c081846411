/// What became of the readings in event time, and what fired. Running totals since the last reset;
/// no part of the state snapshot.
package struct EventTimeCounts: Equatable, Sendable {
  /// Readings that entered at least one window that was still kept, the late ones included.
  package var accepted: Int64 = 0
  /// Accepted readings that lay below their device's watermark.
  package var late: Int64 = 0
  /// Readings all of whose windows were dropped before they came: archived only.
  package var tooLate: Int64 = 0
  /// Readings flagged because their time lies too far ahead.
  package var future: Int64 = 0
  /// Readings flagged because their time lies before `plausible_from`.
  package var beforePlausible: Int64 = 0
  /// Readings of a metric that no window selects.
  package var unselected: Int64 = 0
  /// Readings of plausible time that are flagged `nonFinite`: those values entered no window.
  package var nonFinite: Int64 = 0
  /// Firing rows of revision 0.
  package var fired: Int64 = 0
  /// Firing rows of a higher revision.
  package var firedAgain: Int64 = 0
  /// Devices that went idle.
  package var idleDevices: Int64 = 0
  /// Devices whose slices were given up after a long silence.
  package var forgottenDevices: Int64 = 0
  /// Kafka timestamps that jumped ahead and await confirmation.
  package var heldJumps: Int64 = 0

  package init() {}

  package static func += (left: inout EventTimeCounts, right: EventTimeCounts) {
    left.accepted += right.accepted
    left.late += right.late
    left.tooLate += right.tooLate
    left.future += right.future
    left.beforePlausible += right.beforePlausible
    left.unselected += right.unselected
    left.nonFinite += right.nonFinite
    left.fired += right.fired
    left.firedAgain += right.firedAgain
    left.idleDevices += right.idleDevices
    left.forgottenDevices += right.forgottenDevices
    left.heldJumps += right.heldJumps
  }
}
