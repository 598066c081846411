import Base
import DeltaLog
package import Storage

/// A table's log that several threads follow together: whoever asks reads on what is new.
package final class FollowedTable: Sendable {
  private struct State {
    var follower: TableFollower
    /// Whether the log's end has been reached once: before that, sums are of a part of it.
    var isCaughtUp = false
    var trouble: String?
  }

  /// The table's.
  package let name: String
  private let state: Monitor<State>

  /// - Parameter timeColumn: see `TableFollower`.
  package init(name: String, storage: any Storage, timeColumn: String? = nil) {
    self.name = name
    state = Monitor(
      State(
        follower: TableFollower(
          storage: storage, folder: "tables/\(name)", timeColumn: timeColumn)))
  }

  /// Reads new commits for at most `millis`, and longer by one commit.
  /// - Returns: whether the log's end was reached; true also where it cannot be read.
  @discardableResult
  package func follow(forMillis millis: Int) -> Bool {
    let deadline = MonotonicClock.nowNanos() + Int64(millis) * 1_000_000
    return state.update { state in
      do throws(DeltaError) {
        let isAtEnd = try state.follower.follow(untilNanos: deadline)
        state.trouble = nil
        if isAtEnd { state.isCaughtUp = true }
        return isAtEnd
      } catch {
        state.trouble = "\(error)"
        return true
      }
    }
  }

  /// What the table amounts to; nil while its log is read for the first time, and where there is no
  /// table.
  package var size: TableSize? {
    state.update { state in
      state.isCaughtUp && state.follower.version >= 0 ? state.follower.size : nil
    }
  }

  /// The newest commit that was read; -1 before the first, and where there is no table.
  package var version: Int64 { state.update { $0.follower.version } }

  /// Why its log cannot be read; nil where it can.
  package var trouble: String? { state.update { $0.trouble } }

  /// Asks the follower, alone.
  func withFollower<Result>(_ body: (TableFollower) -> Result) -> Result {
    state.update { body($0.follower) }
  }
}
