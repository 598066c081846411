import ArgumentParser
import Pipeline
import Testing

@testable import downlinkd

@Suite struct OffsetsSkipCommandTests {
  private func wish(_ arguments: String...) throws -> PositionWish {
    try OffsetsSkipCommand.parse(["--config", "c.yaml"] + arguments).wish
  }

  @Test func `each way of giving offsets up is one wish`() throws {
    #expect(
      try wish("--topic", "t", "--partition", "3", "--to", "17")
        == .skip(topic: "t", partition: 3, .offset(17)))
    #expect(try wish("--topic", "t", "--to-end") == .skip(topic: "t", partition: nil, .end))
    #expect(
      try wish("--topic", "t", "--partition", "0", "--to-beginning")
        == .skip(topic: "t", partition: 0, .beginning))
    #expect(try wish("--topic", "t", "--recreated") == .recreated(topic: "t"))
    #expect(try wish("--topic", "t", "--truncated") == .truncated(topic: "t"))
    #expect(try wish("--other-cluster") == .otherCluster)
  }

  @Test(arguments: [
    [], ["--topic", "t"], ["--topic", "t", "--to-end", "--to-beginning"], ["--to-end"],
    ["--topic", "t", "--to", "5"], ["--topic", "t", "--partition", "0", "--to", "-5"],
    ["--topic", "t", "--partition", "0", "--recreated"], ["--topic", "t", "--other-cluster"],
    ["--partition", "1", "--other-cluster"], ["--topic", "t", "--partition", "0", "--truncated"],
  ])
  func `what is missing or contradicts itself is wrong usage`(_ arguments: [String]) {
    #expect(throws: (any Error).self) {
      try OffsetsSkipCommand.parse(["--config", "c.yaml"] + arguments)
    }
  }
}
