import Pipeline

/// The first thing on the page: the verdict and what stands beside it.
enum VerdictSection {
  static func markup(_ view: StatusView) -> Markup {
    let verdict = Verdict(view)
    let status = view.status
    // Announced when it changes: no figures, or it would never be quiet.
    let said = "\(status.pipeline): \(verdict.headline)"
    var lines: [Markup] = [
      """
      <h1 id="h-verdict">\(.sign(verdict.tone.rawValue))<span class="vh">\(verdict.tone.word): \
      </span>\(verdict.headline)</h1>
      <p class="lead">\(verdict.sentence)</p>
      """
    ]
    if let meaning = verdict.meaning { lines.append("<p>\(meaning)</p>") }
    if let since = since(verdict, status) { lines.append("<p class=\"since\">\(since)</p>") }
    let findings = Finding.all(view)
    if !findings.isEmpty {
      lines.append("<ul class=\"findings\">\n\(findings.map(line))\n</ul>")
    }
    return """
      <section id="verdict" class="verdict \(verdict.tone.rawValue)" tabindex="-1" \
      aria-labelledby="h-verdict" data-said="\(said)">
      \(lines)
      </section>
      """
  }

  private static func since(_ verdict: Verdict, _ status: PipelineStatus) -> Markup? {
    guard let since = verdict.sinceMicros else { return nil }
    let time = Markup.time(since, now: status.nowMicros)
    let age = Quantity.age(status.seconds(since: since))
    if status.stall != nil { return "Last commit at \(time) UTC, \(age) ago." }
    return "Since \(time) UTC, for \(age)."
  }

  private static func line(_ finding: Finding) -> Markup {
    """
    <li class="\(finding.tone.rawValue)">\(.sign(finding.tone.rawValue))\
    <div><strong><span class="vh">\(finding.tone.word): </span>\(finding.text)</strong> \
    \(finding.meaning) \
    <a href="#\(finding.section.rawValue)">\(finding.section.title)</a></div></li>
    """
  }
}
