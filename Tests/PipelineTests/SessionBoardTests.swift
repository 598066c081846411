import Testing

@testable import Pipeline

@Suite struct SessionBoardTests {
  private static let options = CommitOptions(
    intervalMillis: 10_000, byteCount: 1000, stateIntervalMillis: 1, stateInputByteCount: 1,
    openDateCount: 10)

  private func board(_ byteCounts: [Int], dates: Int = 0) -> SessionBoard {
    var board = SessionBoard(laneCount: byteCounts.count)
    for (lane, byteCount) in byteCounts.enumerated() {
      board.progress[lane].bufferedByteCount = byteCount
      board.progress[lane].openDateCount = dates
    }
    return board
  }

  @Test func `bytes of all lanes together call for a commit`() {
    #expect(!board([249, 249, 249, 249]).isCommitDue(Self.options))
    #expect(board([200, 300, 250, 250]).isCommitDue(Self.options))
  }

  /// It stops reading at twice its share: were the others idle, nothing else would wake it.
  @Test func `a lane with its share alone calls for a commit`() {
    #expect(board([250, 0, 0, 0]).isCommitDue(Self.options))
    #expect(!board([249, 0, 0, 0]).isCommitDue(Self.options))
  }

  @Test func `dates call for a commit`() {
    #expect(board([0, 0], dates: 10).isCommitDue(Self.options))
    #expect(!board([0, 0], dates: 9).isCommitDue(Self.options))
  }

  @Test func `the first fault stands`() {
    var board = board([0])
    board.fail(.stop("first"))
    board.fail(.reopen("second"))
    guard case .stop("first") = board.failure else {
      Issue.record("\(String(describing: board.failure))")
      return
    }
  }
}
