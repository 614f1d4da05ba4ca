"""What writes numbers, tables and pages into documents; not part of the package."""
