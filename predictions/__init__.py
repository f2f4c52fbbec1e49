"""What was said and what came true: recorder, grader, REST API and admin."""
