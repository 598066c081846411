import Base

/// An invariant that did not hold: the numbers are those of docs/ARCHITECTURE.md.
struct Violation: Sendable, CustomStringConvertible {
  enum Invariant: Int, Sendable {
    case moveFollowsMove = 1
    case moveNamesItsBase = 2
    case stateBelowMove = 3
    case oneOutcomePerOffset = 4
    case durableBeforeNamed = 5
    case replayIsSilent = 6
    case tablesInStep = 7
    case clocksNeverGoBack = 8
    case rowsFollowFromTopics = 9
    case everyFileIsThere = 10
    case nothingStopsForGood = 11
    case lettersComeBackOnce = 12
    case maintenanceKeepsRows = 13
  }

  let invariant: Invariant
  let detail: String

  init(_ invariant: Invariant, _ detail: String) {
    self.invariant = invariant
    self.detail = detail
  }

  var description: String { "I\(invariant.rawValue) \(detail)" }
}

/// Collects what did not hold, and how often each invariant was looked at: one that is never
/// checked proves nothing.
final class ViolationList: Sendable {
  private struct State {
    var violations: [Violation] = []
    var checkCounts: [Int: Int] = [:]
  }

  private let state = Monitor(State())

  /// Notes one look at an invariant, and a violation if there is an objection.
  func check(_ invariant: Violation.Invariant, _ objection: @autoclosure () -> String?) {
    let objection = objection()
    state.update { state in
      state.checkCounts[invariant.rawValue, default: 0] += 1
      // A broken chain breaks again at every entry: the first ones say why.
      guard let objection, state.violations.count < 20 else { return }
      state.violations.append(Violation(invariant, objection))
    }
  }

  var violations: [Violation] { state.update { $0.violations } }

  /// Looks by invariant number.
  var checkCounts: [Int: Int] { state.update { $0.checkCounts } }
}
