import Inference

/// Why there is no proposal, and what the records look like: comments only, no YAML that nobody can
/// stand behind.
struct NoProposalText {
  let answer: NoProposal
  let topic: String
  /// Whether somebody has said where the message types are.
  let hasTypes: Bool

  var text: String {
    var lines: [String] = []
    var first = "No mapping is proposed for topic \(topic) (\(answer.sample.recordCount) records"
    let tombstoneCount = answer.sample.tombstoneCount
    if tombstoneCount > 0 { first += ", \(tombstoneCount) without value" }
    ProposalText.comment(first + "):", indent: 0, &lines)
    for reason in answer.reasons { ProposalText.comment("- \(reason)", indent: 0, &lines) }
    for (reason, count) in answer.sample.unopened.sorted(by: { $0.key < $1.key }) {
      ProposalText.comment("- \(count) without a readable envelope: \(reason)", indent: 0, &lines)
    }
    if let outline = answer.outline { self.outline(outline, &lines) }
    if !hasTypes, answer.sample.recordCount > 0 { hint(&lines) }
    return lines.map { $0 + "\n" }.joined()
  }

  private func outline(_ outline: WireOutline, _ lines: inout [String]) {
    for (fault, count) in outline.faults.sorted(by: { $0.key < $1.key }) {
      ProposalText.comment(
        "- \(count) of \(outline.recordCount) values: \(fault)", indent: 0, &lines)
    }
    if outline.looksEnveloped {
      ProposalText.comment(
        "All values begin with a zero byte and a number, as those of a schema registry's "
          + "serializers do: try --envelope confluent.", indent: 0, &lines)
      return
    }
    if outline.lines.isEmpty { return }
    lines.append("#")
    ProposalText.comment(
      "What stands on the wire (number, wire type, share of the messages, what it could be):",
      indent: 0, &lines)
    for line in outline.lines {
      let indent = String(repeating: "   ", count: line.depth)
      let types = line.wireTypes.joined(separator: "/") + (line.isRepeated ? ", repeated" : "")
      let share = Int((line.share * 100).rounded())
      let number = "#  \(indent)\(line.number)".padded(to: 12)
      lines.append(
        "\(number)  \(types.padded(to: 16))  \(share) %  \(YAMLText.comment(line.guess))")
    }
  }

  private func hint(_ lines: inout [String]) {
    lines.append("#")
    ProposalText.comment(
      "Names and meanings come from the .proto files. Whoever produces the topic has them; make a "
        + "descriptor set of them and ask again:", indent: 0, &lines)
    lines.append(
      "#   protoc --proto_path=FOLDER --include_imports --descriptor_set_out=types.binpb FILE…")
    lines.append("#   downlinkd schema infer --topic \(topic) --descriptor-set types.binpb …")
    ProposalText.comment(
      "or give the folder with --protos. Where a schema registry has them: --envelope confluent.",
      indent: 0, &lines)
  }
}
