export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
      "feature_idempotency_keys": {
        Row: {
          "arguments": NonNullable<Json>;
          "created_at": string;
          "key": string;
          "operation": string;
          "result": Json | null;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "arguments": NonNullable<Json>;
          "created_at"?: string;
          "key": string;
          "operation": string;
          "result"?: Json | null;
          "user_id": string;
        };
        Update: {
          "arguments"?: NonNullable<Json>;
          "created_at"?: string;
          "key"?: string;
          "operation"?: string;
          "result"?: Json | null;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "feature_reservations": {
        Row: {
          "actual": number | null;
          "amount": number;
          "counter_id": string | null;
          "created_at": string;
          "expires_at": string;
          "feature_type": string;
          "late": boolean | null;
          "period": string;
          "pool_id": string | null;
          "reservation_id": string;
          "sources": Json | null;
          "status": string;
          "updated_at": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "actual"?: number | null;
          "amount": number;
          "counter_id"?: string | null;
          "created_at"?: string;
          "expires_at": string;
          "feature_type": string;
          "late"?: boolean | null;
          "period": string;
          "pool_id"?: string | null;
          "reservation_id"?: string;
          "sources"?: Json | null;
          "status": string;
          "updated_at"?: string;
          "user_id": string;
        };
        Update: {
          "actual"?: number | null;
          "amount"?: number;
          "counter_id"?: string | null;
          "created_at"?: string;
          "expires_at"?: string;
          "feature_type"?: string;
          "late"?: boolean | null;
          "period"?: string;
          "pool_id"?: string | null;
          "reservation_id"?: string;
          "sources"?: Json | null;
          "status"?: string;
          "updated_at"?: string;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "feature_usage": {
        Row: {
          "chat_messages": number;
          "created_at": string;
          "has_increments": boolean;
          "has_reservations": boolean;
          "id": string;
          "images_generated": number;
          "insights_count": number;
          "period": string;
          "therai_calls": number;
          "updated_at": string;
          "user_id": string;
          "voice_seconds": number;
        };
        ComputedFields: never;
        Insert: {
          "chat_messages"?: number;
          "created_at"?: string;
          "has_increments"?: boolean;
          "has_reservations"?: boolean;
          "id"?: string;
          "images_generated"?: number;
          "insights_count"?: number;
          "period": string;
          "therai_calls"?: number;
          "updated_at"?: string;
          "user_id": string;
          "voice_seconds"?: number;
        };
        Update: {
          "chat_messages"?: number;
          "created_at"?: string;
          "has_increments"?: boolean;
          "has_reservations"?: boolean;
          "id"?: string;
          "images_generated"?: number;
          "insights_count"?: number;
          "period"?: string;
          "therai_calls"?: number;
          "updated_at"?: string;
          "user_id"?: string;
          "voice_seconds"?: number;
        };
        Relationships: [];
      };
      "feature_usage_totals": {
        Row: {
          "created_at": string;
          "period": string;
          "usage": NonNullable<Json>;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "period": string;
          "usage": NonNullable<Json>;
        };
        Update: {
          "created_at"?: string;
          "period"?: string;
          "usage"?: NonNullable<Json>;
        };
        Relationships: [];
      };
      "generated_images": {
        Row: {
          "chat_id": string;
          "created_at": string;
          "id": string;
          "mode": string | null;
          "png_base64": string;
          "prompt": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "chat_id": string;
          "created_at"?: string;
          "id": string;
          "mode"?: string | null;
          "png_base64": string;
          "prompt": string;
          "user_id": string;
        };
        Update: {
          "chat_id"?: string;
          "created_at"?: string;
          "id"?: string;
          "mode"?: string | null;
          "png_base64"?: string;
          "prompt"?: string;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "plan_limits": {
        Row: {
          "chat_messages_daily_limit": number | null;
          "created_at": string;
          "display_order": number;
          "has_early_access": boolean;
          "has_image_generation": boolean;
          "has_priority_support": boolean;
          "has_together_mode": boolean;
          "has_voice_mode": boolean;
          "image_generation_daily_limit": number | null;
          "insights_limit": number | null;
          "is_active": boolean;
          "period_anchor": string | null;
          "plan_id": string;
          "plan_name": string | null;
          "therai_calls_limit": number | null;
          "time_zone": string | null;
          "updated_at": string;
          "voice_seconds_limit": number | null;
        };
        ComputedFields: never;
        Insert: {
          "chat_messages_daily_limit"?: number | null;
          "created_at"?: string;
          "display_order"?: number;
          "has_early_access"?: boolean;
          "has_image_generation"?: boolean;
          "has_priority_support"?: boolean;
          "has_together_mode"?: boolean;
          "has_voice_mode"?: boolean;
          "image_generation_daily_limit"?: number | null;
          "insights_limit"?: number | null;
          "is_active"?: boolean;
          "period_anchor"?: string | null;
          "plan_id": string;
          "plan_name"?: string | null;
          "therai_calls_limit"?: number | null;
          "time_zone"?: string | null;
          "updated_at"?: string;
          "voice_seconds_limit"?: number | null;
        };
        Update: {
          "chat_messages_daily_limit"?: number | null;
          "created_at"?: string;
          "display_order"?: number;
          "has_early_access"?: boolean;
          "has_image_generation"?: boolean;
          "has_priority_support"?: boolean;
          "has_together_mode"?: boolean;
          "has_voice_mode"?: boolean;
          "image_generation_daily_limit"?: number | null;
          "insights_limit"?: number | null;
          "is_active"?: boolean;
          "period_anchor"?: string | null;
          "plan_id"?: string;
          "plan_name"?: string | null;
          "therai_calls_limit"?: number | null;
          "time_zone"?: string | null;
          "updated_at"?: string;
          "voice_seconds_limit"?: number | null;
        };
        Relationships: [];
      };
      "usage_alerts": {
        Row: {
          "alert_id": number;
          "basis": number;
          "basis_grant": string;
          "created_at": string;
          "feature_type": string;
          "handled_at": string | null;
          "kind": string;
          "limit_value": number | null;
          "period": string;
          "pool_id": string;
          "threshold": number;
          "usage": number;
          "user_id": string | null;
        };
        ComputedFields: never;
        Insert: {
          "alert_id"?: number;
          "basis"?: number;
          "basis_grant"?: string;
          "created_at"?: string;
          "feature_type": string;
          "handled_at"?: string | null;
          "kind": string;
          "limit_value"?: number | null;
          "period": string;
          "pool_id"?: string;
          "threshold": number;
          "usage": number;
          "user_id"?: string | null;
        };
        Update: {
          "alert_id"?: number;
          "basis"?: number;
          "basis_grant"?: string;
          "created_at"?: string;
          "feature_type"?: string;
          "handled_at"?: string | null;
          "kind"?: string;
          "limit_value"?: number | null;
          "period"?: string;
          "pool_id"?: string;
          "threshold"?: number;
          "usage"?: number;
          "user_id"?: string | null;
        };
        Relationships: [];
      };
      "usage_counters": {
        Row: {
          "created_at": string;
          "drawn": number;
          "feature_type": string;
          "has_reservations": boolean;
          "overage": number;
          "period": string;
          "pool_id": string;
          "tat": string | null;
          "updated_at": string;
          "used": number;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "drawn"?: number;
          "feature_type": string;
          "has_reservations"?: boolean;
          "overage"?: number;
          "period": string;
          "pool_id"?: string;
          "tat"?: string | null;
          "updated_at"?: string;
          "used"?: number;
          "user_id": string;
        };
        Update: {
          "created_at"?: string;
          "drawn"?: number;
          "feature_type"?: string;
          "has_reservations"?: boolean;
          "overage"?: number;
          "period"?: string;
          "pool_id"?: string;
          "tat"?: string | null;
          "updated_at"?: string;
          "used"?: number;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "usage_features": {
        Row: {
          "feature_type": string;
          "is_builtin": boolean;
          "is_governed": boolean;
          "limit_column": string;
          "period": string;
          "reads_calendars": boolean;
          "usage_column": string;
        };
        ComputedFields: never;
        Insert: {
          "feature_type": string;
          "is_builtin"?: boolean;
          "is_governed"?: boolean;
          "limit_column": string;
          "period": string;
          "reads_calendars"?: boolean;
          "usage_column": string;
        };
        Update: {
          "feature_type"?: string;
          "is_builtin"?: boolean;
          "is_governed"?: boolean;
          "limit_column"?: string;
          "period"?: string;
          "reads_calendars"?: boolean;
          "usage_column"?: string;
        };
        Relationships: [];
      };
      "usage_grants": {
        Row: {
          "actor": string | null;
          "amount": number;
          "created_at": string;
          "effective_at": string;
          "expires_at": string | null;
          "feature_type": string;
          "grant_id": string;
          "pool_id": string | null;
          "priority": number;
          "reason": string | null;
          "source_ref": string;
          "used": number;
          "user_id": string | null;
          "voided_at": string | null;
        };
        ComputedFields: never;
        Insert: {
          "actor"?: string | null;
          "amount": number;
          "created_at"?: string;
          "effective_at"?: string;
          "expires_at"?: string | null;
          "feature_type": string;
          "grant_id"?: string;
          "pool_id"?: string | null;
          "priority"?: number;
          "reason"?: string | null;
          "source_ref": string;
          "used"?: number;
          "user_id"?: string | null;
          "voided_at"?: string | null;
        };
        Update: {
          "actor"?: string | null;
          "amount"?: number;
          "created_at"?: string;
          "effective_at"?: string;
          "expires_at"?: string | null;
          "feature_type"?: string;
          "grant_id"?: string;
          "pool_id"?: string | null;
          "priority"?: number;
          "reason"?: string | null;
          "source_ref"?: string;
          "used"?: number;
          "user_id"?: string | null;
          "voided_at"?: string | null;
        };
        Relationships: [];
      };
      "usage_increments": {
        Row: {
          "amount": number;
          "feature_type": string;
          "increment_id": number;
          "period": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "amount": number;
          "feature_type": string;
          "increment_id"?: number;
          "period": string;
          "user_id": string;
        };
        Update: {
          "amount"?: number;
          "feature_type"?: string;
          "increment_id"?: number;
          "period"?: string;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "usage_ledger": {
        Row: {
          "amount": number;
          "at": string;
          "entry_id": number;
          "feature_type": string;
          "idempotency_key": string | null;
          "kind": string;
          "metadata": Json | null;
          "overage": number;
          "period": string;
          "pool_id": string | null;
          "reservation_id": string | null;
          "sources": Json | null;
          "user_id": string | null;
        };
        ComputedFields: never;
        Insert: {
          "amount": number;
          "at"?: string;
          "entry_id"?: number;
          "feature_type": string;
          "idempotency_key"?: string | null;
          "kind": string;
          "metadata"?: Json | null;
          "overage"?: number;
          "period": string;
          "pool_id"?: string | null;
          "reservation_id"?: string | null;
          "sources"?: Json | null;
          "user_id"?: string | null;
        };
        Update: {
          "amount"?: number;
          "at"?: string;
          "entry_id"?: number;
          "feature_type"?: string;
          "idempotency_key"?: string | null;
          "kind"?: string;
          "metadata"?: Json | null;
          "overage"?: number;
          "period"?: string;
          "pool_id"?: string | null;
          "reservation_id"?: string | null;
          "sources"?: Json | null;
          "user_id"?: string | null;
        };
        Relationships: [];
      };
      "usage_pool_members": {
        Row: {
          "pool_id": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "pool_id": string;
          "user_id": string;
        };
        Update: {
          "pool_id"?: string;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "usage_pools": {
        Row: {
          "is_active": boolean | null;
          "period_anchor": string | null;
          "plan_id": string | null;
          "pool_id": string;
          "seats": number;
          "status": string | null;
          "time_zone": string | null;
          "trial_end_date": string | null;
        };
        ComputedFields: never;
        Insert: {
          "is_active"?: boolean | null;
          "period_anchor"?: string | null;
          "plan_id"?: string | null;
          "pool_id": string;
          "seats"?: number;
          "status"?: string | null;
          "time_zone"?: string | null;
          "trial_end_date"?: string | null;
        };
        Update: {
          "is_active"?: boolean | null;
          "period_anchor"?: string | null;
          "plan_id"?: string | null;
          "pool_id"?: string;
          "seats"?: number;
          "status"?: string | null;
          "time_zone"?: string | null;
          "trial_end_date"?: string | null;
        };
        Relationships: [];
      };
      "usage_rules": {
        Row: {
          "actor": string | null;
          "amount": number | null;
          "applies_to": string;
          "created_at": string;
          "effect": string;
          "ends_at": string | null;
          "every": string | null;
          "feature_type": string;
          "paid_in": string | null;
          "per": string;
          "plan_id": string | null;
          "pool_id": string | null;
          "reason": string | null;
          "rule_id": string;
          "source_ref": string | null;
          "starts_at": string;
          "user_id": string | null;
        };
        ComputedFields: never;
        Insert: {
          "actor"?: string | null;
          "amount"?: number | null;
          "applies_to": string;
          "created_at"?: string;
          "effect": string;
          "ends_at"?: string | null;
          "every"?: string | null;
          "feature_type": string;
          "paid_in"?: string | null;
          "per"?: string;
          "plan_id"?: string | null;
          "pool_id"?: string | null;
          "reason"?: string | null;
          "rule_id"?: string;
          "source_ref"?: string | null;
          "starts_at"?: string;
          "user_id"?: string | null;
        };
        Update: {
          "actor"?: string | null;
          "amount"?: number | null;
          "applies_to"?: string;
          "created_at"?: string;
          "effect"?: string;
          "ends_at"?: string | null;
          "every"?: string | null;
          "feature_type"?: string;
          "paid_in"?: string | null;
          "per"?: string;
          "plan_id"?: string | null;
          "pool_id"?: string | null;
          "reason"?: string | null;
          "rule_id"?: string;
          "source_ref"?: string | null;
          "starts_at"?: string;
          "user_id"?: string | null;
        };
        Relationships: [];
      };
      "user_plans": {
        Row: {
          "is_active": boolean | null;
          "period_anchor": string | null;
          "plan_id": string | null;
          "status": string | null;
          "time_zone": string | null;
          "trial_end_date": string | null;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "is_active"?: boolean | null;
          "period_anchor"?: string | null;
          "plan_id"?: string | null;
          "status"?: string | null;
          "time_zone"?: string | null;
          "trial_end_date"?: string | null;
          "user_id": string;
        };
        Update: {
          "is_active"?: boolean | null;
          "period_anchor"?: string | null;
          "plan_id"?: string | null;
          "status"?: string | null;
          "time_zone"?: string | null;
          "trial_end_date"?: string | null;
          "user_id"?: string;
        };
        Relationships: [];
      };
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      "add_feature": {
        Args: {
          "p_feature_type": string;
          "p_limit_column"?: string;
          "p_period": string;
          "p_usage_column"?: string;
        };
        Returns: undefined;
      };
      "carry_over_usage": {
        Args: {
          "p_allowance"?: number;
          "p_expires_at"?: string;
          "p_feature_type": string;
          "p_max": number;
          "p_period": string;
          "p_pool_id"?: string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "check_feature_limit": {
        Args: {
          "p_feature_type": string;
          "p_period"?: string;
          "p_requested_amount"?: number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "commit_reservation": {
        Args: { "p_actual"?: number; "p_reservation_id": string; "p_user_id"?: string };
        Returns: Json;
      };
      "consume_feature": {
        Args: {
          "p_amount"?: number;
          "p_feature_type": string;
          "p_idempotency_key"?: string;
          "p_metadata"?: Json;
          "p_pool_id"?: string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "correct_usage": {
        Args: {
          "p_amount": number;
          "p_feature_type": string;
          "p_idempotency_key"?: string;
          "p_period"?: string;
          "p_pool_id"?: string;
          "p_reason": string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "expire_reservations": { Args: { "p_limit"?: number }; Returns: number };
      "feature_usage_setup": { Args: Record<PropertyKey, never>; Returns: undefined };
      "get_user_limits": { Args: { "p_user_id": string }; Returns: Json };
      "grant_usage": {
        Args: {
          "p_amount": number;
          "p_effective_at"?: string;
          "p_expires_at"?: string;
          "p_feature_type": string;
          "p_pool_id"?: string;
          "p_priority"?: number;
          "p_reason"?: string;
          "p_source_ref": string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "increment_chat_messages": {
        Args: { "p_count": number; "p_period": string; "p_user_id": string };
        Returns: undefined;
      };
      "increment_feature_usage": {
        Args: { "p_amount": number; "p_feature_type": string; "p_period": string; "p_user_id": string };
        Returns: undefined;
      };
      "increment_images_generated": {
        Args: { "p_count": number; "p_period": string; "p_user_id": string };
        Returns: undefined;
      };
      "increment_insights_count": {
        Args: { "p_count": number; "p_period": string; "p_user_id": string };
        Returns: undefined;
      };
      "increment_therai_calls": {
        Args: { "p_calls": number; "p_period": string; "p_user_id": string };
        Returns: undefined;
      };
      "increment_voice_seconds": {
        Args: { "p_period": string; "p_seconds": number; "p_user_id": string };
        Returns: undefined;
      };
      "migrate_image_generation_log": { Args: { "p_drop"?: boolean }; Returns: number };
      "my_limits": { Args: Record<PropertyKey, never>; Returns: Json };
      "my_teams": { Args: Record<PropertyKey, never>; Returns: Json };
      "operator_end_rule": {
        Args: { "p_pool_id"?: string; "p_reason": string; "p_rule_id": string; "p_user_id"?: string };
        Returns: Json;
      };
      "operator_grant": {
        Args: {
          "p_actor": string;
          "p_amount": number;
          "p_expires_at"?: string;
          "p_feature_type": string;
          "p_pool_id"?: string;
          "p_reason": string;
          "p_source_ref": string;
          "p_user_id"?: string;
        };
        Returns: Json;
      };
      "operator_history": { Args: { "p_pool_id"?: string; "p_user_id"?: string }; Returns: Json };
      "operator_near_limit": { Args: { "p_page"?: number; "p_share"?: number }; Returns: Json };
      "operator_teams": { Args: { "p_search": string }; Returns: Json };
      "operator_top_users": { Args: { "p_feature_type": string; "p_page"?: number }; Returns: Json };
      "operator_use_by_day": { Args: { "p_days"?: number }; Returns: Json };
      "operator_user": { Args: { "p_page"?: number; "p_search": string }; Returns: Json };
      "prune_feature_usage": {
        Args: { "p_older_than"?: string; "p_periods_older_than"?: string };
        Returns: Json;
      };
      "record_usage": { Args: { "p_events": Json }; Returns: number };
      "release_reservation": { Args: { "p_reservation_id": string; "p_user_id"?: string }; Returns: Json };
      "reserve_feature": {
        Args: {
          "p_amount"?: number;
          "p_feature_type": string;
          "p_idempotency_key"?: string;
          "p_metadata"?: Json;
          "p_pool_id"?: string;
          "p_ttl"?: string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "set_user_plan": {
        Args: {
          "p_is_active"?: boolean;
          "p_plan_id": string;
          "p_status"?: string;
          "p_trial_end_date"?: string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "usage_period": {
        Args: { "p_at"?: string; "p_feature_type": string; "p_pool_id"?: string; "p_user_id": string };
        Returns: Json;
      };
      "usage_report": {
        Args: {
          "p_by"?: string;
          "p_feature_type"?: string;
          "p_from": string;
          "p_pool_id"?: string;
          "p_to": string;
          "p_user_id"?: string;
        };
        Returns: {
          "amount": number;
          "bucket": string;
          "entries": number;
          "feature_type": string;
          "overage": number;
          "pool_id": string;
          "user_id": string;
        }[];
      };
      "usage_status": {
        Args: { "p_feature_type"?: string; "p_pool_id"?: string; "p_user_id": string };
        Returns: Json;
      };
      "void_grant": {
        Args: {
          "p_feature_type"?: string;
          "p_reason"?: string;
          "p_source_ref": string;
          "p_user_id"?: string;
        };
        Returns: Json;
      };
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof (
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
    )
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals } ? (
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
  )[TableName] extends {
    Row: infer R;
  } ? R
  : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R;
    } ? R
    : never
  : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Insert: infer I;
  } ? I
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I;
    } ? I
    : never
  : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Update: infer U;
  } ? U
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U;
    } ? U
    : never
  : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never;

export const Constants = {
  "public": {
    Enums: {},
  },
} as const;
