"""The Helm chart, rendered by Helm, and the schemas of what it renders."""
