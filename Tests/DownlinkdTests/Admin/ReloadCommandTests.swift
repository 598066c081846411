import ArgumentParser
import Base
import Status
import Testing

@testable import downlinkd

@Suite struct ReloadCommandTests {
  private let live = ReloadAnswer.Change(text: "log.level: info → debug", effect: "live")
  private let reopen = ReloadAnswer.Change(text: "kafka.start: a → b", effect: "reopen")

  @Test func `what was taken over is listed, and whether it holds`() {
    var answer = ReloadAnswer(
      isAccepted: true, isInForce: true, detail: "", changes: [live, reopen])
    #expect(
      ReloadText(answer).output == """
        taken over: 2 changes, in force
          log.level: info → debug
          kafka.start: a → b (by a new session)

        """)
    answer.isInForce = false
    answer.changes = [reopen]
    #expect(
      ReloadText(answer).output.hasPrefix(
        "taken over: 1 change, not in force yet: `downlinkd status` shows when it runs\n"))
    answer.changes = []
    answer.isInForce = true
    #expect(ReloadText(answer).output == "taken over: nothing changed\n")
    #expect(ReloadText(answer).complaint.isEmpty)
  }

  @Test func `a refusal has every reason, and nothing of it steers the terminal`() {
    let answer = ReloadAnswer(
      isAccepted: false, isInForce: false, detail: "", reasons: ["a:1:2: x", "b\u{1B}[2J\n"])
    let text = ReloadText(answer)
    #expect(text.output.isEmpty)
    #expect(text.complaint == "a:1:2: x\nb?[2J?\nrefused; the configuration of before runs on")
  }

  @Test(arguments: [
    [], ["--config", "a", "--socket", "b"], ["--config", "a", "--timeout", "0"],
    ["--socket", "b", "--timeout", "601"],
  ]) func `wrong usage is refused`(_ arguments: [String]) {
    #expect(throws: (any Error).self) { _ = try ReloadCommand.parse(arguments) }
  }

  // MARK: - The queue behind it

  @Test func `signals and orders are answered in turn, and an order waits until it holds`() async {
    let queue = ReloadQueue()
    let looks = Monitor(0)
    queue.post()
    async let answer = queue.order(patience: .seconds(60))
    var requests = queue.requests.makeAsyncIterator()
    #expect(await requests.next()?.reply == nil)
    let accepted = ReloadAnswer(isAccepted: true, isInForce: false, detail: "d", changes: [reopen])
    await requests.next()?.reply?(
      .init(answer: accepted) {
        looks.update { looks in
          looks += 1
          return looks == 3
        }
      })
    let got = await answer
    #expect(got.isInForce && got.changes == [reopen])
    #expect(looks.update { $0 } == 3)
  }

  @Test func `what does not hold in time is said to be on its way`() async {
    let queue = ReloadQueue()
    async let answer = queue.order(patience: .milliseconds(1))
    var requests = queue.requests.makeAsyncIterator()
    let accepted = ReloadAnswer(isAccepted: true, isInForce: false, detail: "d")
    await requests.next()?.reply?(.init(answer: accepted) { false })
    #expect(await answer == accepted)
  }

  @Test func `after the end an order is refused at once`() async {
    let queue = ReloadQueue()
    queue.finish()
    let answer = await queue.order(patience: .seconds(60))
    #expect(!answer.isAccepted && answer.reasons == ["the service is being stopped"])
    for await _ in queue.requests {}
  }
}
